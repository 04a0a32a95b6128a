"""What is exported can be applied again, and holds no secret."""

from pathlib import Path

from gainstage.configuration import Document, export, load, read
from gainstage.configuration.schema import schema
from tests.unit.configuration.conftest import ENVIRONMENT


def test_references_stay_and_written_out_secrets_become_references(file: Path) -> None:
    text = export(read(file))
    assert "write_key: ${WEB}" in text
    assert "write_key: ${BACKEND_WRITE_KEY}" in text
    assert "access_key: ${KEY}" in text
    assert "written-out" not in text
    assert "#   BACKEND_WRITE_KEY\n" in text


def test_former_write_keys_are_secrets_too() -> None:
    body = {"name": "app", "kind": "mobile", "write_key": "${NEW}", "old_write_keys": ["first", "${OLD}"]}
    text = export([Document("source", "app", "file", body)])
    assert "first" not in text
    assert "- ${APP_OLD_WRITE_KEYS_1}" in text and "- ${OLD}" in text


def test_an_export_resolves_to_the_same_configuration(file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.yaml"
    again.write_text(export(read(file)), encoding="utf-8")
    environment = ENVIRONMENT | {"BACKEND_WRITE_KEY": "written-out"}
    assert load(again, environment).configuration == load(file, environment).configuration


def test_every_secret_gets_a_name_of_its_own() -> None:
    settings = {
        "access_key": "one-${KEY}",
        "tags": ["two", "${MAIN_TAGS_1}", "$${three}"],
        "events": {"Signed Up": {"name": "n", "version": "1", "token": "four"}},
    }
    text = export(
        [Document("destination", "main", "dashboard", {"name": "main", "type": "acme", "settings": settings})]
    )
    for name in (
        "MAIN_ACCESS_KEY",
        "MAIN_TAGS_1",
        "MAIN_TAGS_1_2",
        "MAIN_TAGS_3",
        "MAIN_EVENTS_SIGNED_UP_TOKEN",
    ):
        assert f"${{{name}}}" in text
    assert "one-" not in text and "three" not in text and "four" not in text


def test_settings_of_an_unknown_type_are_all_taken_for_secrets() -> None:
    body = {"name": "x", "type": "gone", "settings": {"a": "s3cret", "b": [1, "other"]}}
    text = export([Document("destination", "x", "file", body)])
    assert "s3cret" not in text and "other" not in text
    assert "${X_A}" in text


def test_the_schema_knows_the_settings_of_every_type() -> None:
    built = schema()
    destination = built["$defs"]["DestinationForm"]
    assert destination["allOf"][0]["if"]["properties"]["type"] == {"const": "acme"}
    assert destination["allOf"][0]["then"]["required"] == ["settings"]
    assert {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"} in built["$defs"]["SourceForm"][
        "properties"
    ]["rate_limit"]["anyOf"][0]["anyOf"]
