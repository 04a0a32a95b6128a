"""A definition as it stands in a form: what was entered, right or not, and what of it the API is asked for.

Each condition has a path (`where-0-1`: the second one in the first one), which the names of its fields begin
with. The API tells problems by the places of its documents (`where.all[0].not.event`); `Written` knows which
field each of these was made of.
"""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gainstage.audiences.operators import FOR_PROPERTIES, OPERATORS
from gainstage.dashboard.forms import Form

#: What a condition may be, as the builder offers it.
KINDS = {
    "event": "An event was performed",
    "trait": "A trait of the person",
    "account_trait": "A trait of the account",
    "audience": "A member of another audience",
    "sequence": "Events in a sequence",
    "all": "A group: all hold",
    "any": "A group: at least one holds",
}
GROUPS = ("all", "any")
#: How often, and when.
TIMES = ("at_least", "at_most", "within", "from", "to")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "event": ("event", *TIMES),
    "trait": ("name", "operator", "value"),
    "account_trait": ("name", "operator", "value"),
    "audience": ("audience",),
    "sequence": ("within", "from", "to"),
    "all": (),
    "any": (),
}
FILTER = ("property", "operator", "value")
STEP = ("event", "within", "did")
FIRST = {"at_least": "1", "operator": "equals", "did": "yes"}
#: Of a definition itself.
ABOUT = ("name", "description", "for", "quantifier")
OF_TRAIT = ("event", "aggregate", "property", "within", "from", "to")
AGGREGATES = {
    "count": "how many events there were",
    "sum": "the sum of a property",
    "average": "the average of a property",
    "minimum": "the lowest value of a property",
    "maximum": "the highest value of a property",
    "most_frequent": "the most frequent value of a property",
    "first": "the first value of a property",
    "last": "the last value of a property",
    "unique_list": "the list of different values of a property",
    "unique_count": "how many different values a property had",
}
#: How deep groups may lie in each other here; a definition that was written may go deeper.
DEEPEST = 4
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")

Values = dict[str, str]


@dataclass
class Part:
    """A filter or a step: its path, what was entered, and the filters of a step."""

    path: str
    values: Values
    filters: "list[Part]" = field(default_factory=list)


@dataclass
class Node:
    """A condition."""

    path: str
    kind: str
    values: Values
    negated: bool = False
    inner: "list[Node]" = field(default_factory=list)
    filters: list[Part] = field(default_factory=list)
    steps: list[Part] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """How many groups it lies in."""
        return self.path.count("-")


@dataclass
class Draft:
    """A definition as it was entered. `root`: the condition of an audience; `filters`: those of a trait."""

    kind: str
    values: Values
    destinations: list[str] = field(default_factory=list)
    anonymous: bool = False
    root: Node | None = None
    filters: list[Part] = field(default_factory=list)


def empty(kind: str) -> Draft:
    """What the builder begins with."""
    names = (*ABOUT, *(OF_TRAIT if kind == "computed_trait" else ()))
    values = dict.fromkeys(names, "") | {"for": "user", "quantifier": "any", "aggregate": "count"}
    if kind == "computed_trait":
        return Draft(kind, values)
    root = Node("where", "all", {}, inner=[new_node("where-0", "event")])
    return Draft(kind, values, root=root)


def new_node(path: str, kind: str) -> Node:
    """A condition that nothing was entered in."""
    node = Node(path, kind, {name: FIRST.get(name, "") for name in FIELDS[kind]})
    if kind == "sequence":
        node.steps = [new_step(f"{path}-s{place}") for place in range(2)]
    return node


def new_step(path: str) -> Part:
    """A step that nothing was entered in."""
    return Part(path, {name: FIRST.get(name, "") for name in STEP})


def new_filter(path: str) -> Part:
    """A filter that nothing was entered in."""
    return Part(path, {name: FIRST.get(name, "") for name in FILTER})


# from a form


def read(form: Form) -> Draft:
    """What a form holds."""
    kind = "computed_trait" if form.get("kind") == "computed_trait" else "audience"
    names = (*ABOUT, *(OF_TRAIT if kind == "computed_trait" else ()))
    draft = Draft(
        kind,
        {name: form.get(name) for name in names},
        destinations=form.all("destinations"),
        anonymous=form.has("include_anonymous"),
    )
    if kind == "audience":
        draft.root = _read_node(form, "where")
    else:
        draft.filters = _read_parts(form, "trait", "f", FILTER)
    return draft


def _read_node(form: Form, path: str) -> Node:
    kind = form.get(f"{path}.kind")
    kind = kind if kind in KINDS else "all"
    node = Node(
        path,
        kind,
        {name: form.get(f"{path}.{name}") for name in FIELDS[kind]},
        negated=form.get(f"{path}.holds") == "no",
    )
    if kind in GROUPS:
        while form.has(f"{path}-{len(node.inner)}.kind"):
            node.inner.append(_read_node(form, f"{path}-{len(node.inner)}"))
    elif kind == "event":
        node.filters = _read_parts(form, path, "f", FILTER)
    elif kind == "sequence":
        node.steps = _read_parts(form, path, "s", STEP)
        for step in node.steps:
            step.filters = _read_parts(form, step.path, "f", FILTER)
    return node


def _read_parts(form: Form, path: str, letter: str, names: Sequence[str]) -> list[Part]:
    found: list[Part] = []
    while form.has(f"{path}-{letter}{len(found)}.{names[0]}"):
        place = f"{path}-{letter}{len(found)}"
        found.append(Part(place, {name: form.get(f"{place}.{name}") for name in names}))
    return found


# changes


def change(draft: Draft, what: str, form: Form) -> None:
    """Do what a button of the form says: `add:PATH`, `remove:PATH`, `filter:PATH`, `step:PATH`."""
    verb, _, path = what.partition(":")
    if verb == "filter" and path == "trait":
        draft.filters.append(new_filter(f"trait-f{len(draft.filters)}"))
    elif draft.root is None:
        draft.filters = [part for part in draft.filters if part.path != path]
    else:
        _change(draft.root, verb, path, form.get(f"{path}.new"))
    if draft.root is not None:
        _renumber(draft.root, "where")
    for place, part in enumerate(draft.filters):
        part.path = f"trait-f{place}"


def _change(node: Node, verb: str, path: str, kind: str) -> None:
    if node.path == path and verb == "add" and kind in KINDS:
        node.inner.append(new_node(f"{path}-{len(node.inner)}", kind))
    elif node.path == path and verb == "filter":
        node.filters.append(new_filter(""))
    elif node.path == path and verb == "step":
        node.steps.append(new_step(""))
    elif verb == "remove":
        node.inner = [one for one in node.inner if one.path != path]
        node.filters = [one for one in node.filters if one.path != path]
        node.steps = [one for one in node.steps if one.path != path]
        for step in node.steps:
            step.filters = [one for one in step.filters if one.path != path]
    for step in node.steps:
        if verb == "filter" and step.path == path:
            step.filters.append(new_filter(""))
    for one in node.inner:
        _change(one, verb, path, kind)


def _renumber(node: Node, path: str) -> None:
    node.path = path
    for place, part in enumerate(node.filters):
        part.path = f"{path}-f{place}"
    for place, step in enumerate(node.steps):
        step.path = f"{path}-s{place}"
        for number, part in enumerate(step.filters):
            part.path = f"{step.path}-f{number}"
    for place, inner in enumerate(node.inner):
        _renumber(inner, f"{path}-{place}")


# to the API


class Written:
    """A draft as the API takes it, and where in the form each of its places is."""

    def __init__(self, draft: Draft) -> None:
        self._fields: dict[str, str] = {}
        values = draft.values
        body: dict[str, Any] = {"name": values["name"], "for": values["for"] or "user"}
        for name in ("name", "description", "for", "quantifier", "destinations"):
            self._fields[name] = name
        for place in range(len(draft.destinations)):
            self._fields[f"destinations[{place}]"] = "destinations"
        if values.get("description"):
            body["description"] = values["description"]
        if draft.anonymous:
            body["include_anonymous"] = True
        if draft.destinations:
            body["destinations"] = draft.destinations
        if draft.root is not None:
            if body["for"] == "account":
                body["quantifier"] = values["quantifier"] or "any"
            body["where"] = self._node(draft.root, "where")
        else:
            self._trait(draft, body)
        self.body = body

    def _trait(self, draft: Draft, body: dict[str, Any]) -> None:
        values = draft.values
        body |= {"event": values["event"], "aggregate": values["aggregate"]}
        if values["property"]:
            body["property"] = values["property"]
        for name in ("event", "aggregate", "property"):
            self._fields[name] = name
        body |= self._window(values, "", "")
        if draft.filters:
            body["where"] = [
                self._filter(part, f"where[{n}]", FOR_PROPERTIES) for n, part in enumerate(draft.filters)
            ]

    def _node(self, node: Node, place: str) -> dict[str, Any]:
        if node.negated:
            return {"not": self._plain(node, f"{place}.not")}
        return self._plain(node, place)

    def _plain(self, node: Node, place: str) -> dict[str, Any]:
        self._fields[place] = node.path
        match node.kind:
            case "all" | "any":
                self._fields[f"{place}.{node.kind}"] = node.path
                inner = [self._node(one, f"{place}.{node.kind}[{n}]") for n, one in enumerate(node.inner)]
                return {node.kind: inner}
            case "event":
                return self._event(node, place)
            case "sequence":
                return self._sequence(node, place)
            case "audience":
                self._fields[f"{place}.audience"] = f"{node.path}.audience"
                return {"audience": node.values["audience"]}
        self._fields[f"{place}.{node.kind}"] = f"{node.path}.name"
        return {node.kind: node.values["name"], **self._test(node.values, node.path, place)}

    def _event(self, node: Node, place: str) -> dict[str, Any]:
        found: dict[str, Any] = {"event": node.values["event"]}
        self._fields[f"{place}.event"] = f"{node.path}.event"
        counts = {name: whole(node.values[name]) for name in ("at_least", "at_most") if node.values[name]}
        for name in counts:
            self._fields[f"{place}.count.{name}"] = f"{node.path}.{name}"
        self._fields[f"{place}.count"] = f"{node.path}.at_least"
        if counts and counts != {"at_least": 1}:
            found["count"] = counts
        found |= self._window(node.values, node.path + ".", place + ".")
        if node.filters:
            found["where"] = self._filters(node.filters, place)
        return found

    def _sequence(self, node: Node, place: str) -> dict[str, Any]:
        self._fields[f"{place}.sequence"] = node.path
        steps = []
        for number, part in enumerate(node.steps):
            at = f"{place}.sequence[{number}]"
            self._fields[at] = part.path
            for name in STEP:
                self._fields[f"{at}.{name}"] = f"{part.path}.{name}"
            step: dict[str, Any] = {"event": part.values["event"]}
            if part.values["within"]:
                step["within"] = part.values["within"]
            if part.values["did"] == "no":
                step["did"] = False
            if part.filters:
                step["where"] = self._filters(part.filters, at)
            steps.append(step)
        return {"sequence": steps, **self._window(node.values, node.path + ".", place + ".")}

    def _window(self, values: Values, path: str, place: str) -> dict[str, Any]:
        self._fields |= {
            f"{place}within": f"{path}within",
            f"{place}between": f"{path}from",
            f"{place}between[0]": f"{path}from",
            f"{place}between[1]": f"{path}to",
        }
        found: dict[str, Any] = {}
        if values["within"]:
            found["within"] = values["within"]
        if values["from"] or values["to"]:
            found["between"] = [values["from"], values["to"]]
        return found

    def _filters(self, parts: Sequence[Part], place: str) -> list[dict[str, Any]]:
        return [self._filter(part, f"{place}.where[{n}]", FOR_PROPERTIES) for n, part in enumerate(parts)]

    def _filter(self, part: Part, place: str, allowed: Sequence[str]) -> dict[str, Any]:
        self._fields[f"{place}.property"] = f"{part.path}.property"
        return {"property": part.values["property"], **self._test(part.values, part.path, place)}

    def _test(self, values: Values, path: str, place: str) -> dict[str, Any]:
        # What the operator cannot take is told of the whole test: it stands best beside its value.
        self._fields |= {
            place: f"{path}.value",
            f"{place}.operator": f"{path}.operator",
            f"{place}.value": f"{path}.value",
        }
        found: dict[str, Any] = {"operator": values["operator"]}
        value = valued(values["operator"], values["value"])
        if value is not None:
            found["value"] = value
        return found

    def problems(self, told: Sequence[str], kind: str) -> tuple[dict[str, list[str]], list[str]]:
        """The API's problems by field or condition of the form, and those that belong to none."""
        placed: dict[str, list[str]] = {}
        rest: list[str] = []
        for one in told:
            place, _, text = one.partition(": ")
            at = self._fields.get(place.removeprefix(f"{kind}."))
            if at is None or not text:
                rest.append(one.removeprefix(f"{kind}: "))
            else:
                placed.setdefault(at, []).append(plainly(text))
        return placed, rest


def plainly(told: str) -> str:
    """A problem as the sentence beside a field."""
    text = "Please fill this in." if told.startswith("String should have at least 1") else told
    return text[:1].upper() + text[1:]


def whole(text: str) -> int | str:
    """A whole number, or what else was entered."""
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else text


def valued(operator: str, text: str) -> Any:
    """The value of a test; of several one stands in each line."""
    known = OPERATORS.get(operator)
    takes = known.takes if known else "value"
    if takes == "nothing" or not text:
        return None
    if takes in ("values", "texts"):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return [scalar(line) if takes == "values" else line for line in lines]
    return scalar(text) if takes in ("value", "number") else text


def scalar(text: str) -> Any:
    """A number, true or false, as such; a text in quotes is always a text."""
    if text in ("true", "false"):
        return text == "true"
    if NUMBER.fullmatch(text):
        return json.loads(text)
    if len(text) > 1 and text[0] == text[-1] == '"':
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return text
