"""A source's `oauth`: what can be used, and what is wrong in one sentence that holds no key."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gainstage.configuration import export, load
from gainstage.connection import ClientKey, OAuth
from gainstage.errors import ConfigurationError
from tests.unit.ingest.clients import private_key, private_text, public_text

PUBLIC = public_text(private_key("good"))
SECOND = public_text(private_key("second"))
PKCS1 = private_key("good").public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


def key(**changed: Any) -> dict[str, Any]:
    return {"client_id": "backend", "key_id": "k1", "public_key": PUBLIC, **changed}


def source(name: str = "site", kind: str = "server", **oauth: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "write_key": f"{name}-key", "oauth": {"keys": [key()], **oauth}}


def loaded(folder: Path, *sources: dict[str, Any], **environment: str) -> Any:
    path = folder / "gainstage.yaml"
    path.write_text(yaml.safe_dump({"sources": list(sources)}), encoding="utf-8")
    return load(path, environment)


def problem(folder: Path, *sources: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as raised:
        loaded(folder, *sources)
    (found,) = raised.value.problems
    return found


def test_is_required_unless_it_says_otherwise_and_off_by_default(tmp_path: Path) -> None:
    plain = {"name": "plain", "kind": "server", "write_key": "plain-key"}
    found = loaded(tmp_path, source(), plain).configuration.sources
    assert found["plain"].oauth is None
    assert found["site"].oauth == OAuth((ClientKey("backend", "k1", PUBLIC),), True, ())
    either = source(required=False, audiences=["https://events.acme.com"])
    assert loaded(tmp_path, either).configuration.sources["site"].oauth == OAuth(
        (ClientKey("backend", "k1", PUBLIC),), False, ("https://events.acme.com",)
    )


@pytest.mark.parametrize(
    "written", [PKCS1, f"\n  {PUBLIC}", PUBLIC.replace("\n", "\\n")], ids=["pkcs1", "indented", "one line"]
)
def test_one_key_is_the_same_however_it_is_written(tmp_path: Path, written: str) -> None:
    found = loaded(tmp_path, source(keys=[key(public_key="${KEY}")]), KEY=written).configuration
    assert found.sources["site"].oauth.keys[0].public_key == PUBLIC


def test_several_sources_take_the_same_application(tmp_path: Path) -> None:
    assert len(loaded(tmp_path, source(), source("other")).configuration.sources) == 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (source(kind="web"), "sources[0].oauth: only server sources have oauth"),
        (source(keys=[]), "sources[0].oauth.keys: "),
        (
            source(keys=[key(public_key="x")]),
            "sources[0].oauth.keys[0].public_key: must be a public key",
        ),
        (source(keys=[key(client_id="")]), "sources[0].oauth.keys[0].client_id: "),
        (source(keys=[key(), key(public_key=SECOND)]), "sources[0].oauth.keys[1].key_id: oauth.keys[0] has"),
        (source(audiences=["events.acme.com"]), "sources[0].oauth.audiences[0]: must be an address such as"),
        (source(requird=True), "sources[0].oauth.requird: unknown key; did you mean required?"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(tmp_path: Path, given: Any, told: str) -> None:
    assert problem(tmp_path, given).startswith(told)


def test_ids_that_stand_for_another_key_elsewhere_are_told(tmp_path: Path) -> None:
    told = problem(tmp_path, source("first"), source("second", keys=[key(public_key=SECOND)]))
    assert told.startswith("sources[1].oauth.keys[0].key_id: source first has another key under")


def test_a_private_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    private = private_text(private_key("good"))
    told = problem(tmp_path, source(keys=[key(public_key=private)]))
    assert "is a private key" in told and "new pair" in told
    assert not any(line in told for line in private.splitlines())


@pytest.mark.parametrize("kind", ["short", "ed25519"])
def test_keys_that_the_sdks_cannot_sign_with_are_refused(tmp_path: Path, kind: str) -> None:
    made: Any = ed25519.Ed25519PrivateKey if kind == "ed25519" else rsa
    private = made.generate() if kind == "ed25519" else made.generate_private_key(65537, 1024)
    text = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert "RSA key of at least 2048 bits" in problem(tmp_path, source(keys=[key(public_key=text)]))


def test_export_keeps_public_keys_as_they_are(tmp_path: Path) -> None:
    documents = loaded(tmp_path, source()).documents
    written = yaml.safe_load(export(documents))
    assert written["sources"][0]["oauth"] == {"keys": [key()]}
    assert written["sources"][0]["write_key"] == "${SITE_WRITE_KEY}"
