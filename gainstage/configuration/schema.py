"""The JSON Schema of the configuration file, for editors: `python -m gainstage.configuration.schema`."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gainstage.configuration.computing import AudienceForm, ComputedTraitForm
from gainstage.configuration.form import DestinationForm, SourceForm
from gainstage.configuration.operating import FORMS
from gainstage.configuration.retention import RetentionForm
from gainstage.destinations import registry

REFERENCE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}
#: Types that a `${NAME}` may stand for although it is a text itself.
READ_FROM_TEXT = {"boolean", "integer", "number"}

LISTED: dict[str, type[BaseModel]] = {
    "sources": SourceForm,
    "destinations": DestinationForm,
    "audiences": AudienceForm,
    "computed_traits": ComputedTraitForm,
}


def schema() -> dict[str, Any]:
    """The schema of a whole file, settings by the destination's type."""
    types = {name: registry.load(name) for name in registry.names()}
    models: list[type[BaseModel]] = [
        *LISTED.values(),
        RetentionForm,
        *FORMS.values(),
        *(kind.settings for kind in types.values()),
    ]
    places, together = models_json_schema([(model, "validation") for model in models])
    definitions = _with_references(together["$defs"])
    destination = definitions[places[(DestinationForm, "validation")]["$ref"].rsplit("/", 1)[1]]
    destination["properties"]["type"]["enum"] = list(types)
    destination["allOf"] = [
        {
            "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
            "then": _settings_of(places[(kind.settings, "validation")], kind.settings.model_fields.values()),
        }
        for name, kind in types.items()
    ]
    lists = {key: {"type": "array", "items": places[(form, "validation")]} for key, form in LISTED.items()}
    forms: dict[str, type[BaseModel]] = {"retention": RetentionForm, **FORMS}
    sections = {key: places[(form, "validation")] for key, form in forms.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gainstage configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {**lists, **sections},
        "$defs": definitions,
    }


def _settings_of(reference: dict[str, Any], fields: Any) -> dict[str, Any]:
    needed = any(field.is_required() for field in fields)
    return {"properties": {"settings": reference}, **({"required": ["settings"]} if needed else {})}


def _with_references(value: Any) -> Any:
    """The schema with `${NAME}` allowed wherever a value is read from a text."""
    if isinstance(value, list):
        return [_with_references(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    if (isinstance(kind, str) and kind in READ_FROM_TEXT) or isinstance(value.get("enum"), list):
        told = {key: value[key] for key in ("title", "description", "default") if key in value}
        return {**told, "anyOf": [{key: inner for key, inner in value.items() if key not in told}, REFERENCE]}
    return {key: _with_references(inner) for key, inner in value.items()}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
