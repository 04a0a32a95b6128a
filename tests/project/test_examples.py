"""The examples can be used as they stand, and what is said of the configuration file is so."""

import json
import re
from pathlib import Path

import pytest

from gainstage.configuration import load
from gainstage.configuration.form import DestinationForm, SourceForm
from gainstage.configuration.schema import schema
from tests.project.sources import ROOT, shown

EXAMPLES = ROOT / "examples"
SCHEMA = ROOT / "docs" / "reference" / "configuration.schema.json"
CONFIGURATIONS = sorted(EXAMPLES.glob("*.yaml"))
#: Values of the right form for what the examples read from the environment.
VALUES = {"CLICKSTREAM_ACCESS_KEY": "0f3c2a7e-1111-4222-8333-444455556666", "PX_TAG_KEY": "AP-EXAMPLE001-2"}


def environment(text: str) -> dict[str, str]:
    names = re.findall(r"\$\{([A-Z_]+)\}", text)
    return {name: VALUES.get(name, f"value-of-{name.lower()}") for name in names}


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=shown)
def test_an_example_configuration_is_complete_and_without_warnings(path: Path) -> None:
    loaded = load(path, environment(path.read_text(encoding="utf-8")))
    assert loaded.configuration.sources and loaded.configuration.destinations
    assert not loaded.warnings


def test_example_messages_are_one_json_object_a_line() -> None:
    lines = (EXAMPLES / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [json.loads(line) for line in lines]
    assert len({message["messageId"] for message in messages}) == len(messages)


@pytest.mark.parametrize(("heading", "form"), [("Sources", SourceForm), ("Destinations", DestinationForm)])
def test_every_key_of_the_file_is_documented(heading: str, form: type[SourceForm | DestinationForm]) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    documented = re.findall(r"^\| (\**)`([a-z_]+)`\**", section, re.MULTILINE)
    assert [name for _, name in documented] == list(form.model_fields)
    assert {name for stars, name in documented if stars} == {
        name for name, field in form.model_fields.items() if field.is_required()
    }


def test_the_schema_for_editors_is_the_one_of_today() -> None:
    told = (
        "write it anew: python -m gainstage.configuration.schema > docs/reference/configuration.schema.json"
    )
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema(), told
