"""Files that can be read become documents; others are told apart in one clear sentence."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.configuration import read
from gainstage.configuration.yaml_text import YamlError, dump, parse
from gainstage.errors import ConfigurationError, UsageError

TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\u2028\u2029\ufffe\uffff")
)
PLAIN = st.one_of(
    TEXT,
    st.booleans(),
    st.integers(),
    st.none(),
    st.sampled_from(["no", "0123", "1.5e3", "~", "on", "2026-01-31"]),
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)


def test_a_document_keeps_references_as_they_were_written(file: Path) -> None:
    website, backend, main = read(file)
    assert (website.kind, website.name, website.owner, website.place) == (
        "source",
        "website",
        "file",
        "sources[0]",
    )
    assert website.body["write_key"] == "${WEB}"
    assert backend.name == "backend"
    assert main.body["settings"]["access_key"] == "${KEY}"
    assert main.lines["settings.access_key"] == 17


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"- a\n", "must be a mapping"),
        (b"sources: [\n", "not valid YAML"),
        (b"a: b: c\n", "(line 1)"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"sources: &x [*x]\n", "alias"),
        (b"a: !!python/object:os.system {}\n", "not valid YAML"),
        (b"a: \x07\n", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_configuration_is_told_in_one_sentence(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "gainstage.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as raised:
        read(path)
    assert told in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read(tmp_path / "absent.yaml")
    with pytest.raises(UsageError, match="is a folder"):
        read(tmp_path)


def test_duplicate_keys_are_errors_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "gainstage.yaml"
    path.write_text("sources:\n  - name: a\n    kind: web\n    name: b\nsources: []\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read(path)
    assert raised.value.problems == (
        "sources[0].name: this key stands here twice; its first one is in line 2 (line 4)",
        "sources: this key stands here twice; its first one is in line 1 (line 5)",
    )


def test_an_unknown_top_key_gets_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "gainstage.yaml"
    path.write_text("source: []\ndestinations: {}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read(path)
    assert raised.value.problems == (
        "source: unknown key; did you mean sources? (line 1)",
        "destinations: must be a list: one '-' before each destination (line 2)",
    )


def test_plain_words_stay_texts() -> None:
    value = parse("{a: no, b: on, c: 0123, d: 2026-01-31, e: 12:30, f: true, g: 7, 404: x}").value
    assert value == {
        "a": "no",
        "b": "on",
        "c": "0123",
        "d": "2026-01-31",
        "e": "12:30",
        "f": True,
        "g": 7,
        "404": "x",
    }


def test_anchors_and_merge_keys_work() -> None:
    assert parse("{a: &x {b: 1}, c: {<<: *x, d: 2}}").value == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}


def test_aliases_cannot_blow_a_file_up() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(YamlError):
        parse("\n".join(rows))


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_dumped_is_read_back(value: dict[str, object]) -> None:
    assert parse(dump(value)).value == value
