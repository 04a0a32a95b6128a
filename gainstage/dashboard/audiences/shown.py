"""A definition as the API tells it, back in the builder's fields."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gainstage.audiences.operators import OPERATORS
from gainstage.dashboard.audiences.draft import (
    ABOUT,
    FIELDS,
    GROUPS,
    KINDS,
    OF_TRAIT,
    Draft,
    Node,
    Part,
    Values,
)
from gainstage.dashboard.audiences.written import scalar


def drafted(kind: str, definition: Mapping[str, Any]) -> Draft:
    """A definition that was put in force, to be changed."""
    names = (*ABOUT, *(OF_TRAIT if kind == "computed_trait" else ()))
    values = dict.fromkeys(names, "") | {"for": "user", "quantifier": "any"}
    values |= {name: str(definition[name]) for name in names if definition.get(name) is not None}
    draft = Draft(
        kind,
        values,
        destinations=list(definition.get("destinations", ())),
        anonymous=bool(definition.get("include_anonymous")),
    )
    if kind == "computed_trait":
        values |= _window(definition)
        draft.filters = _filters(definition, "trait")
    else:
        root = _node(definition["where"], "where")
        if root.kind not in GROUPS or root.negated:  # the builder's outermost one is a group
            root = Node("where", "all", {}, inner=[_node(definition["where"], "where-0")])
        draft.root = root
    return draft


def _node(given: Mapping[str, Any], path: str) -> Node:
    negated = False
    while "not" in given:
        given, negated = given["not"], not negated
    kind = next(one for one in KINDS if one in given)
    node = Node(path, kind, dict.fromkeys(FIELDS[kind], ""), negated)
    match kind:
        case "all" | "any":
            node.inner = [_node(one, f"{path}-{place}") for place, one in enumerate(given[kind])]
        case "event":
            node.values |= {"event": given["event"], **_count(given.get("count")), **_window(given)}
            node.filters = _filters(given, path)
        case "sequence":
            node.values |= _window(given)
            node.steps = [_step(one, f"{path}-s{place}") for place, one in enumerate(given["sequence"])]
        case "audience":
            node.values["audience"] = given["audience"]
        case _:
            node.values |= {"name": given[kind], **_test(given)}
    return node


def _count(count: Mapping[str, Any] | None) -> Values:
    if count is None:
        return {"at_least": "1"}
    exactly = count.get("exactly")
    if exactly is not None:
        return {"at_least": str(exactly), "at_most": str(exactly)}
    return {name: str(count[name]) for name in ("at_least", "at_most") if count.get(name) is not None}


def _window(given: Mapping[str, Any]) -> Values:
    between = given.get("between") or ("", "")
    return {"within": given.get("within") or "", "from": str(between[0]), "to": str(between[1])}


def _step(given: Mapping[str, Any], path: str) -> Part:
    values = {
        "event": given["event"],
        "within": given.get("within") or "",
        "did": "yes" if given.get("did", True) else "no",
    }
    return Part(path, values, _filters(given, path))


def _filters(given: Mapping[str, Any], path: str) -> list[Part]:
    return [
        Part(f"{path}-f{place}", {"property": one["property"], **_test(one)})
        for place, one in enumerate(given.get("where") or ())
    ]


def _test(given: Mapping[str, Any]) -> Values:
    operator, value = given["operator"], given.get("value")
    typed = OPERATORS[operator].takes in ("value", "values", "number")
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return {
        "operator": operator,
        "value": "\n".join(entered(one, typed=typed) for one in listed if one is not None),
    }


def entered(value: Any, *, typed: bool) -> str:
    """What is to be entered to get this value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        plain = bool(value) and scalar(value) == value == value.strip() and "\n" not in value
        return value if plain or not typed else json.dumps(value, ensure_ascii=False)
    return str(value)
