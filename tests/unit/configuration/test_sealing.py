"""Secrets are kept sealed, and open with the key and in the place that they were sealed for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.configuration import Document, Seal, resolve
from gainstage.configuration.environment import SEALED
from gainstage.errors import ConfigurationError

SEAL = Seal([b"k" * 32])
SOURCE = Document(
    "source", "app", "file",
    {"name": "app", "kind": "mobile", "write_key": "app-key", "old_write_keys": ["former-key", "${OLD}"]},
)  # fmt: skip


def acme(**settings: Any) -> Document:
    return Document("destination", "main", "file", {"name": "main", "type": "acme", "settings": settings})


DESTINATION = acme(
    access_key="secret-${PART}", domain="acme.example.com", tags=["one", "${TAG}"],
    events={"Signed Up": {"name": "n", "version": "1", "token": "deep"}},
)  # fmt: skip


def test_every_secret_is_sealed_and_nothing_else() -> None:
    source, destination = SEAL.sealed([SOURCE, DESTINATION])
    shown = f"{source.body} {destination.body}"
    for secret in ("app-key", "former-key", "secret-", "'one'", "deep"):
        assert secret not in shown
    assert source.body["old_write_keys"][1] == "${OLD}"
    settings = destination.body["settings"]
    assert (settings["domain"], settings["tags"][1]) == ("acme.example.com", "${TAG}")
    assert settings["events"]["Signed Up"]["token"].startswith(SEALED)
    assert SEAL.opened([source, destination]) == [SOURCE, DESTINATION]


def test_of_an_unknown_type_every_setting_is_sealed() -> None:
    unknown = Document("destination", "x", "file", {"name": "x", "type": "later", "settings": {"a": ["b"]}})
    (sealed,) = SEAL.sealed([unknown])
    assert sealed.body["settings"]["a"][0].startswith(SEALED) and sealed.body["type"] == "later"


def test_the_same_secret_is_sealed_alike_in_its_place_and_opens_in_no_other() -> None:
    (sealed,) = SEAL.sealed([acme(access_key="secret", tags=["secret"])])
    assert SEAL.sealed([acme(access_key="secret", tags=["secret"])]) == [sealed]
    settings = sealed.body["settings"]
    assert settings["access_key"] != settings["tags"][0]
    moved = acme(access_key=settings["tags"][0])
    assert SEAL.opened([moved]) == [moved]
    renamed = Document("destination", "other", "file", sealed.body)
    assert SEAL.opened([renamed]) == [renamed]


@given(st.text(min_size=1))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    document = acme(access_key=text)
    assert SEAL.opened(SEAL.sealed([document])) == [document]


def test_a_former_key_opens_and_the_new_one_seals() -> None:
    old, both, new = Seal([b"old" * 20]), Seal([b"new" * 20, b"old" * 20]), Seal([b"new" * 20])
    kept = old.sealed([DESTINATION])
    assert both.opened(kept) == [DESTINATION]
    assert new.opened(kept) == kept
    assert new.opened(both.sealed(both.opened(kept))) == [DESTINATION]


@pytest.mark.parametrize("damage", ["", "AAAA", "not base64!", "ü"])
def test_what_does_not_open_is_told_with_what_to_do(damage: str) -> None:
    document = acme(access_key=SEALED + damage)
    assert SEAL.opened([document]) == [document]
    with pytest.raises(ConfigurationError) as raised:
        resolve([document], {})
    (problem,) = raised.value.problems
    assert (
        "settings.access_key: was sealed with a key that is not here: put it back (GAINSTAGE_SECRET_KEY"
        in problem
    )


def test_no_setting_may_refer_to_the_key() -> None:
    with pytest.raises(ConfigurationError) as raised:
        resolve([acme(access_key="${GAINSTAGE_SECRET_KEY}")], {"GAINSTAGE_SECRET_KEY": "k" * 40})
    (problem,) = raised.value.problems
    assert "is the key of all secrets: no setting may refer to it" in problem and "kkk" not in problem


def test_secrets_of_the_server_as_a_whole_are_sealed_too() -> None:
    alerts = {
        "webhook": "https://hooks.example.com/s3cret",
        "secret": "s3cret-0123456789",
        "oldest_pending": "1h",
    }
    traces = {"endpoint": "https://otel.example.com", "headers": {"x-key": "s3cret-key"}}
    documents = [Document("alerts", "alerts", "file", alerts), Document("traces", "traces", "file", traces)]
    sealed = SEAL.sealed(documents)
    assert "s3cret" not in str([document.body for document in sealed])
    assert sealed[0].body["oldest_pending"] == "1h"
    assert SEAL.opened(sealed) == documents
