"""pydantic's errors as sentences that name the place and hold no value that could be a secret."""

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from gainstage.configuration.places import Step, join
from gainstage.configuration.suggest import nearest, unknown_key

MASK = "***"
#: Shorter ones stand in ordinary words; masking them would make sentences unreadable.
SECRET_CHARACTERS = 4
#: More words than this are not listed beside the one that was probably meant.
MANY = 10


def sentences(error: ValidationError, model: type[BaseModel], body: Any) -> Iterator[tuple[str, str]]:
    """Place inside the body and what is wrong there, one for each place."""
    told: set[str] = set()
    for detail in error.errors(include_url=False):
        steps = _steps(body, detail)
        place = join(steps)
        if place not in told:
            told.add(place)
            yield place, _sentence(detail, _owner(model, steps, body), steps)


def _steps(body: Any, detail: ErrorDetails) -> list[Step]:
    """The steps of an error's location that stand in the body; the names of a union's branches do not."""
    steps: list[Step] = []
    current = body
    for index, step in enumerate(detail["loc"]):
        last = index == len(detail["loc"]) - 1
        in_mapping = isinstance(current, Mapping) and step in current
        in_list = isinstance(current, list) and isinstance(step, int) and step < len(current)
        if in_mapping or in_list:
            current = current[step]
        elif not (last and detail["type"] == "missing"):
            continue
        steps.append(step)
    return steps


def _owner(model: type[BaseModel], steps: Sequence[Step], body: Any) -> type[BaseModel] | None:
    """The model whose key the last step is; of several that may stand there the one most like what does."""
    found: list[Any] = [model]
    for step in steps[:-1]:
        found = [inner for option in found for inner in _inside(option, step)]
        body = body[step]
    models = [option for option in found if _is_model(option)]
    return max(models, key=lambda one: _likeness(one, body), default=None)


def _likeness(model: type[BaseModel], body: Any) -> int:
    """How many of a mapping's keys a model knows, or knows one like them; those it needs count thrice."""
    if not isinstance(body, Mapping):
        return 0
    known = keys(model)
    needed = {field.alias or name for name, field in model.model_fields.items() if field.is_required()}
    names = [str(name) for name in body]
    return sum(1 + 2 * (name in needed) for name in names if name in known or nearest(name, known))


def _sentence(detail: ErrorDetails, owner: type[BaseModel] | None, steps: Sequence[Step]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return unknown_key(str(steps[-1]), keys(owner) if owner else ())
    if kind == "missing":
        field = owner.model_fields.get(str(steps[-1])) if owner else None
        return "is missing" + (f": {field.description}" if field and field.description else "")
    if kind == "literal_error":
        expected = str(detail.get("ctx", {}).get("expected", "")).replace("'", "")
        guess = nearest(str(detail["input"]), expected.replace(" or ", ", ").split(", "))
        if guess and expected.count(",") >= MANY:
            return f"is none of the known words; did you mean {guess}?"
        return f"must be {expected}" + (f"; did you mean {guess}?" if guess else "")
    if kind == "too_short":
        needed = int(detail.get("ctx", {}).get("min_length", 1))
        return f"needs at least {needed} {'entry' if needed == 1 else 'entries'}"
    if kind == "string_type" and isinstance(detail["input"], int | float):
        return "must be a text: put it in quotes"
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return "must be a mapping of keys and values"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be ", "must be ").replace("a valid string", "a text")
    return message.removesuffix(".")


def keys(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that a model knows, as they are written."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def secret_values(annotation: Any, value: Any) -> Iterator[tuple[tuple[Step, ...], str]]:
    """Every text of a value that stands where its model has a secret, and where."""
    options = tuple(_options(annotation))
    if isinstance(value, str):
        if any(isinstance(option, type) and issubclass(option, SecretStr) for option in options):
            yield (), value
        return
    items: Iterator[tuple[Step, Any]] = iter(())
    if isinstance(value, Mapping):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    for step, inner in items:
        for within in (found for option in options for found in _inside(option, step)):
            for steps, text in secret_values(within, inner):
                yield (step, *steps), text


def masked(sentence: str, values: set[str]) -> str:
    """The sentence without any of the values, longest first."""
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= SECRET_CHARACTERS:
            sentence = sentence.replace(value, MASK)
    return sentence


def _options(annotation: Any) -> Iterator[Any]:
    """The types that an annotation allows, None left out."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0])
    elif origin is Union or origin is types.UnionType:
        for option in get_args(annotation):
            yield from _options(option)
    elif annotation is not types.NoneType:
        yield annotation


def _inside(annotation: Any, step: Step) -> Iterator[Any]:
    """What types stand one step inside a type, if it can hold anything there."""
    if _is_model(annotation):
        for name, field in annotation.model_fields.items():
            if step in (name, field.alias):
                yield from _options(field.annotation)
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(origin, type) and arguments:
        if issubclass(origin, Mapping) and isinstance(step, str):
            yield from _options(arguments[1])
        elif issubclass(origin, Sequence | set | frozenset) and isinstance(step, int):
            yield from _options(arguments[0])


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
