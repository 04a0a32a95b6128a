"""A definition as it stands in a form: what was entered, right or not.

Each condition has a path (`where-0-1`: the second one in the first one), which the names of its fields begin
with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
