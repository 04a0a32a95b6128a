"""What a form asks for: the settings of a model as inputs, so that no second list of them is kept. Pure."""

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from gainstage.setting import read_duration, written_duration

#: The bounds of a number, as pydantic's metadata names them, and as inputs do.
BOUNDS = {"ge": "minimum", "le": "maximum"}


def inputs_of(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Every setting of a model, in its order.

    `kind` is one of text, secret, switch, number, duration, choice, list (of texts), table (text: text, or
    one of `choices`), entries (text: the settings in `inputs`), group (those in `inputs`), json.
    """
    return [_input(field.alias or name, field) for name, field in model.model_fields.items()]


def _input(name: str, field: FieldInfo) -> dict[str, Any]:
    kind, more = _kind(field.annotation)
    if kind == "number" and any(isinstance(one, BeforeValidator) for one in field.metadata):
        kind = "text"  # written with a unit
    if any(isinstance(one, BeforeValidator) and one.func is read_duration for one in field.metadata):
        kind = "duration"
    offered = field.json_schema_extra if isinstance(field.json_schema_extra, Mapping) else {}
    bounds = {
        said: getattr(one, key) for one in field.metadata for key, said in BOUNDS.items() if hasattr(one, key)
    }
    return {
        "name": name,
        "title": field.title or name,
        "help": field.description or "",
        "kind": kind,
        "required": field.is_required(),
        "secret": kind == "secret",
        "default": _default(kind, field),
        "example": field.examples[0] if field.examples else None,
        "choices": list(more.get("choices", ())),
        "minimum": bounds.get("minimum") if kind == "number" else None,
        "maximum": bounds.get("maximum") if kind == "number" else None,
        "names": offered.get("x-names"),
        "object": offered.get("x-object"),
        "own": bool(offered.get("x-own")),
        "inputs": more.get("inputs", []),
    }


def _kind(annotation: Any) -> tuple[str, dict[str, Any]]:
    """The kind of input for a type, with the choices or inputs inside."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(parts[0])
    if origin in (Union, types.UnionType):
        return _kind(next(part for part in parts if part is not types.NoneType))
    if origin is Literal:
        return "choice", {"choices": parts}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        inner, more = _kind(parts[1])
        return {"text": "table", "choice": "table", "group": "entries"}.get(inner, "json"), more
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return "list" if _kind(parts[0])[0] == "text" else "json", {}
    if isinstance(annotation, type):
        if issubclass(annotation, BaseModel):
            return "group", {"inputs": inputs_of(annotation)}
        for base, kind in (
            (SecretStr, "secret"),
            (bool, "switch"),
            (int, "number"),
            (float, "number"),
            (str, "text"),
        ):
            if issubclass(annotation, base):
                return kind, {}
    return "json", {}


def _default(kind: str, field: FieldInfo) -> Any:
    """The default, in the form in which it would be written; None where nothing is."""
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True)
    if value in (None, "", (), [], {}) or isinstance(value, BaseModel):
        return None
    if kind == "duration":
        return written_duration(value)
    return list(value) if isinstance(value, tuple | list) else value
