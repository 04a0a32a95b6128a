"""The documents that follow from the code: settings, field tables, reasons. `python -m gainstage.reference`.

Texts stand between markers, so that a page can hold more than what is generated.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gainstage.audiences.operators import OPERATORS
from gainstage.configuration.computing import AudienceForm, ComputedTraitForm
from gainstage.configuration.conditions import BRANCHES, FilterForm, StepForm
from gainstage.destination import Destination
from gainstage.destinations import registry
from gainstage.mapping import Field, Mapping
from gainstage.reason import REASONS, WORDS
from gainstage.setting import written_duration

ROOT = Path(__file__).parent.parent
START, END = "<!-- generated: {name} -->", "<!-- end -->"
DURATIONS = {"park_for", "resend_unchanged_after"}

FORMS: dict[Any, str] = {
    str: "text",
    int: "number",
    bool: "true or false",
    SecretStr: "secret",
    dict: "table",
}

#: What stands beside `value` for an operator.
BESIDE = {
    "value": "a text, number, true or false",
    "number": "a number",
    "text": "a text",
    "date": "a date",
    "values": "a list of values",
    "texts": "a list of texts",
    "duration": "a time: `30d`",
    "nothing": "none",
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A markdown table."""
    lines = [list(head), ["---"] * len(list(head)), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def settings_table(destination: Destination) -> str:
    """Every setting of a type."""
    return table(("setting", "form", "default", "what it is", "example"), setting_rows(destination.settings))


def setting_rows(model: type[BaseModel], prefix: str = "") -> Iterable[tuple[str, str, str, str, str]]:
    """A row a setting; those of a model inside follow it."""
    for name, field in model.model_fields.items():
        inner = inner_model(field.annotation)
        key = f"`{prefix}{name}`"
        if field.is_required():
            key = f"**{key}**"
        words = f"{field.title}. {field.description}"
        yield key, form(name, field), default(name, field), words, example(field)
        if inner is not None:
            named = get_origin(field.annotation) is dict
            yield from setting_rows(inner, f"{prefix}{name}.{'<track>.' if named else ''}")


def inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (inner_model(part) for part in get_args(annotation))
    return next((model for model in found if model is not None), None)


def form(name: str, field: FieldInfo) -> str:
    """In which form a setting is written."""
    return "duration" if name in DURATIONS else form_of(field.annotation)


def form_of(annotation: Any) -> str:
    """The words for a type."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (Union, UnionType):
        return " or ".join(form_of(part) for part in parts if part is not type(None))
    if origin is dict:
        return "table of " + form_of(parts[1]) if parts[1] is not Any else "table"
    if origin in (tuple, list):
        return "list of " + form_of(parts[0])
    if hasattr(annotation, "__metadata__"):
        return form_of(parts[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "entries"
    return FORMS.get(annotation, "text")


def default(name: str, field: FieldInfo) -> str:
    """The default as it would be written."""
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True)
    if name in DURATIONS:
        return f"`{written_duration(value)}`"
    if value in (None, "", (), {}) or isinstance(value, BaseModel):
        return ""
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def example(field: FieldInfo) -> str:
    """The first example, as a configuration file would hold it."""
    if not field.examples:
        return ""
    shown = yaml.safe_dump(field.examples[0], default_flow_style=True, sort_keys=False, width=1000)
    return f"`{shown.removesuffix('...' + chr(10)).strip()}`"


def field_tables(destination: Destination) -> str:
    """Every field table of a type."""
    parts = []
    for mapping in destination.mappings:
        parts.append(f"#### {mapping.on}: {mapping.title}")
        parts.append(table(("field", "from", "form"), (field_row(field) for field in mapping.fields)))
        if mapping.custom:
            parts.append(custom_sentence(mapping))
    return "\n\n".join(parts)


def field_row(field: Field) -> tuple[str, str, str]:
    """One field."""
    sources = field.source_words
    label = f"{sources} ({field.label})" if sources and field.label else sources or field.label
    words = (field.convert.__doc__ or "").splitlines()[0] if field.at else ""
    name = f"**`{field.name}`**" if field.required else f"`{field.name}`"
    return name, label, words


def custom_sentence(mapping: Mapping) -> str:
    """What the table's custom fields are."""
    where = f"`{mapping.custom_prefix.removesuffix('.')}`" if mapping.custom_prefix else "further fields"
    return (
        f"The setting `{mapping.custom}` maps more traits to {where}; "
        "what nothing maps is dropped and counted by name."
    )


def reasons_tables() -> str:
    """Every reason code, by the ledger's words."""
    parts = []
    for word in reversed(WORDS):
        rows = [
            (f"`{code}`", r.title, r.cause, r.example, r.remedy)
            for code, r in REASONS.items()
            if r.word == word
        ]
        parts += [f"## {word}", table(("reason", "called", "cause", "example", "what to do"), rows)]
    return "\n\n".join(parts)


def operators_table() -> str:
    """Every operator of tests of properties and traits."""
    rows = [
        (
            f"`{operator.name}`",
            operator.meaning,
            BESIDE[operator.takes],
            "holds" if operator.missing else "does not hold",
            "traits" if operator.relative else "properties, traits",
        )
        for operator in OPERATORS.values()
    ]
    return table(("operator", "holds where", "`value`", "without a value it", "for"), rows)


def forms_tables() -> str:
    """Every key of audiences, computed traits and conditions."""
    parts = []
    models: list[tuple[str, type[BaseModel]]] = [
        ("An audience", AudienceForm),
        ("A computed trait", ComputedTraitForm),
        *((f"The condition `{key}`", form) for key, form in BRANCHES.items()),
        ("A step of `sequence`", StepForm),
        ("A filter in `where`", FilterForm),
    ]
    for title, model in models:
        rows = [
            (f"`{field.alias or name}`", field.description or "")
            for name, field in model.model_fields.items()
        ]
        parts += [f"#### {title}", table(("key", "what it is"), rows)]
    return "\n\n".join(parts)


def fill(text: str, destination: Destination | None = None) -> str:
    """A page with everything between its markers made anew."""

    def made(match: re.Match[str]) -> str:
        kind, _, name = match["name"].partition(" ")
        subject = registry.load(name) if name else destination
        if kind == "reasons":
            content = reasons_tables()
        elif kind == "operators":
            content = operators_table()
        elif kind == "forms":
            content = forms_tables()
        elif subject is not None and kind in ("settings", "fields"):
            content = settings_table(subject) if kind == "settings" else field_tables(subject)
        else:
            raise ValueError(f"nobody makes {match['name']!r}")
        return f"{START.format(name=match['name'])}\n\n{content}\n\n{END}"

    pattern = START.format(name="(?P<name>[a-z_ ]+)") + ".*?" + END
    return re.sub(pattern, made, text, flags=re.DOTALL)


def pages() -> dict[Path, Destination | None]:
    """Every page with generated parts, and the type that it is about."""
    found: dict[Path, Destination | None] = {
        ROOT / "docs" / "audiences.md": None,
        ROOT / "docs" / "destinations.md": None,
        ROOT / "docs" / "reference" / "reasons.md": None,
    }
    for name in registry.BUILT_IN:
        found[ROOT / "gainstage" / "destinations" / name / "README.md"] = registry.load(name)
    return found


def main() -> int:
    """Write the pages that are not fresh; tells which."""
    for path, destination in pages().items():
        text = path.read_text(encoding="utf-8")
        fresh = fill(text, destination)
        if fresh != text:
            path.write_text(fresh, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)} is written anew\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
