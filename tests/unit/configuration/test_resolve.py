"""Documents become a configuration, or every problem is told at once and without a secret."""

from pathlib import Path

import pytest

from gainstage.configuration import Document, load, resolve
from gainstage.configuration.resolve import Loaded
from gainstage.errors import ConfigurationError
from tests.unit.configuration.conftest import ACME, ENVIRONMENT, GOOD


def loaded(tmp_path: Path, text: str) -> Loaded:
    path = tmp_path / "gainstage.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, ENVIRONMENT)


def problems(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as raised:
        loaded(tmp_path, text)
    return raised.value.problems


def test_a_good_file_gives_sources_and_destinations(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, GOOD).configuration
    website = configuration.sources["website"]
    assert (website.write_key, website.kind, website.origins) == (
        "web-write-key",
        "web",
        ("https://app.acme.com",),
    )
    assert website.rate_limit == 50
    assert website.enabled
    main = configuration.destinations["main"]
    assert main.type is ACME
    assert main.settings is not None and main.problem is None
    assert main.settings.model_dump()["access_key"].get_secret_value() == "key-0123456789"
    assert main.sources == {"website"}
    assert main.kinds == {"identify", "track"}
    assert main.enabled and not main.paused


def test_a_source_can_be_switched_off(tmp_path: Path) -> None:
    text = GOOD.replace("    kind: web\n", "    kind: web\n    enabled: false\n")
    configuration = loaded(tmp_path, text).configuration
    assert not configuration.sources["website"].enabled
    assert configuration.unusable_sources == frozenset()


def test_sources_and_types_default_to_all(tmp_path: Path) -> None:
    text = GOOD.replace("    sources: [website]\n    types: [identify, track]\n", "    paused: true\n")
    main = loaded(tmp_path, text).configuration.destinations["main"]
    assert main.sources == {"website", "backend"}
    assert main.kinds == set(ACME.kinds)
    assert main.paused


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "access_key:",
            "acces_key:",
            "destinations[0].settings.acces_key: unknown key; did you mean access_key?",
        ),
        (
            "access_key:",
            "acces_key:",
            "destinations[0].settings.access_key: is missing: Shown in Administration, Keys.",
        ),
        (
            "${KEY}",
            "${NO_SUCH}",
            "destinations[0].settings.access_key: the environment variable NO_SUCH is not set",
        ),
        ("type: acme", "type: acne", "destinations[0].type: there is no type acne; did you mean acme?"),
        (
            "[website]",
            "[web-site]",
            "destinations[0].sources[0]: there is no source web-site; did you mean website?",
        ),
        ("[identify, track]", "[identify, page]", "destinations[0].types[1]: Acme takes no page calls"),
        (
            "[identify, track]",
            "[idenfity]",
            "destinations[0].types[0]: must be identify, track, page, screen, group or",
        ),
        ("kind: web", "kind: wbe", "sources[0].kind: must be web, mobile or server; did you mean web?"),
        ("name: website", "name: My Site", "sources[0].name: must be made of lower-case letters"),
        ("name: backend", "name: website", "sources[1].name: another source is named website"),
        ("written-out", "${WEB}", "sources[1].write_key: source website has the same write key"),
        (
            "written-out",
            "new\n    old_write_keys: [a, '${WEB}']",
            "sources[1].old_write_keys[1]: source website has",
        ),
        (
            "written-out",
            "new\n    old_write_keys: [new]",
            "sources[1].old_write_keys: the write key itself is among",
        ),
        ("written-out", '""', "sources[1].write_key: must not be empty"),
        ("written-out", "a:b", "sources[1].write_key: must be at most 255 printable ASCII"),
        (
            "kind: web",
            "kind: server",
            "sources[0].origins: only web sources have origins; this one is server",
        ),
        (
            "https://app.acme.com/",
            "https://app.acme.com/x",
            "sources[0].origins[0]: must be an origin without a path",
        ),
        ("https://app.acme.com/", "app.acme.com", "sources[0].origins[0]: must be an origin such as"),
        ("${RATE}", "0", "sources[0].rate_limit: must be greater than or equal to 1"),
        (
            '"1.0"',
            "1.0",
            'destinations[0].settings.events["Signed Up"].version: must be a text: put it in quotes',
        ),
        (
            "version: ",
            "vresion: ",
            'settings.events["Signed Up"].vresion: unknown key; did you mean version?',
        ),
        ("settings:", "seting:", "destinations[0].seting: unknown key; did you mean settings?"),
        ("{name: signed_up", "{nom: signed_up", 'settings.events["Signed Up"].name: is missing'),
    ],
)
def test_a_problem_names_its_place_and_what_to_do(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(told in sentence for sentence in found), found


def test_problems_carry_the_line(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD.replace("access_key:", "acces_key:"))
    assert any("acces_key" in sentence and sentence.endswith("(line 17)") for sentence in found)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace("kind: web", "kind: x")
        .replace("type: acme", "type: y")
        .replace("sources:\n", "z: 1\nsources:\n", 1)
    )
    assert len(problems(tmp_path, text)) == 3


def test_no_message_holds_a_secret(tmp_path: Path) -> None:
    text = GOOD.replace("      access_key: ${KEY}\n", "      access_key: ${KEY}\n      mode: leaky\n")
    (sentence,) = problems(tmp_path, text)
    assert "key-0123456789" not in sentence
    assert "said ***" in sentence


def test_a_union_is_told_once(tmp_path: Path) -> None:
    text = GOOD.replace("      access_key: ${KEY}\n", "      access_key: ${KEY}\n      tags: {a: b}\n")
    (sentence,) = problems(tmp_path, text)
    assert sentence.startswith("destinations[0].settings.tags: ")


def test_what_is_odd_warns(tmp_path: Path) -> None:
    text = GOOD.replace("${KEY}", "short").replace("sources: [website]", "sources: []")
    warnings = [str(warning) for warning in loaded(tmp_path, text).warnings]
    assert warnings == [
        "destinations[0].settings.access_key: is 5 characters long (line 17)",
        "destinations[0].sources: the list is empty: no event reaches this destination (line 14)",
    ]


def test_a_problem_says_which_setting_of_which_destination(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, GOOD.replace("${KEY}", "short")).warnings
    assert (warning.destination, warning.setting) == ("main", "access_key")


def document(body: dict[str, object]) -> Document:
    return Document("destination", "main", "dashboard", {"name": "main", "type": "acme", **body})


def test_lenient_blocks_a_destination_that_cannot_be_used() -> None:
    broken = document({"settings": {"access_key": "${GONE}"}})
    configuration, warnings = resolve([broken], {}, revision=7, lenient=True)
    main = configuration.destinations["main"]
    assert configuration.revision == 7
    assert main.settings is None
    assert main.problem is not None and main.problem.code == "configuration_invalid"
    assert "GONE" in main.problem.detail
    assert [str(warning) for warning in warnings] == [
        "destination main.settings.access_key: the environment variable GONE is not set"
    ]


def test_lenient_keeps_what_can_be_used() -> None:
    source = Document("source", "web", "file", {"name": "web", "kind": "web", "write_key": "k"})
    lost = Document("source", "lost", "file", {"name": "lost", "kind": "web", "write_key": "${GONE}"})
    fine = document({"sources": ["web", "lost"], "settings": {"access_key": "12345678"}})
    configuration, warnings = resolve([source, lost, fine], {}, lenient=True)
    assert set(configuration.sources) == {"web"}
    assert configuration.unusable_sources == {"lost"}
    assert configuration.destinations["main"].problem is None
    assert configuration.destinations["main"].sources == {"web"}
    assert len(warnings) == 1


def test_documents_of_the_dashboard_stand_beside_a_file(file: Path) -> None:
    other = Document(
        "destination",
        "other",
        "dashboard",
        {"name": "other", "type": "acme", "settings": {"access_key": "12345678"}},
    )
    assert set(load(file, ENVIRONMENT, beside=[other]).configuration.destinations) == {"main", "other"}
    same = document({"settings": {"access_key": "12345678"}})
    with pytest.raises(ConfigurationError, match="another destination is named main"):
        load(file, ENVIRONMENT, beside=[same])
