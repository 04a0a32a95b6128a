"""Where the secrets of a document stand."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gainstage.configuration.document import Document
from gainstage.configuration.environment import is_reference
from gainstage.configuration.form import SourceForm
from gainstage.configuration.operating import FORMS
from gainstage.configuration.places import Step
from gainstage.configuration.wording import MASK, secret_values
from gainstage.destinations import registry

#: Where a secret stands in a body, and its text.
Found = tuple[tuple[Step, ...], str]
#: What is shown in a secret's place, and means it when it is sent back.
HIDDEN = MASK


def secrets_of(document: Document) -> list[Found]:
    """The secrets that are written out in a document; those that are nothing but references are none."""
    return [(steps, text) for steps, text in places_of(document) if not is_reference(text)]


def hidden(document: Document) -> dict[str, Any]:
    """A body without its secrets; references are none."""
    return replaced(document.body, [(steps, HIDDEN) for steps, _ in secrets_of(document)])


def revealed(document: Document, before: Document) -> tuple[Document, list[tuple[Step, ...]]]:
    """A document with what is shown hidden in it as it was before, and where nothing was before."""
    known = dict(places_of(before))
    sent = [steps for steps, text in places_of(document) if text == HIDDEN]
    found = [(steps, known[steps]) for steps in sent if steps in known]
    missing = [steps for steps in sent if steps not in known]
    return replace(document, body=replaced(document.body, found)), missing


def places_of(document: Document) -> list[Found]:
    """Where secrets stand in a document, written out or as references."""
    body = document.body
    if document.kind == "source":
        found = list(secret_values(SourceForm, body))
    elif document.kind == "destination":
        kind, settings = body.get("type"), body.get("settings")
        # Of an unknown type nobody knows which settings are secret: all of them, then.
        known = registry.load(kind).settings if isinstance(kind, str) and kind in registry.names() else None
        inner = secret_values(known, settings) if known else texts(settings)
        found = [(("settings", *steps), text) for steps, text in inner]
    else:
        form = FORMS.get(document.kind)
        found = list(secret_values(form, body)) if form is not None else []
    return found


def replaced(body: Mapping[str, Any], secrets: Iterable[Found]) -> dict[str, Any]:
    """A body with other texts in these places."""
    copy = {key: _copy(inner) for key, inner in body.items()}
    for steps, text in secrets:
        holder: Any = copy
        for step in steps[:-1]:
            holder = holder[step]
        holder[steps[-1]] = text
    return copy


def texts(value: Any) -> Iterator[Found]:
    """Every text in a value, and where it stands."""
    if isinstance(value, str):
        yield (), value
    items: Iterable[tuple[Step, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for step, inner in items:
        for steps, text in texts(inner):
            yield (step, *steps), text


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copy(inner) for inner in value]
    return value
