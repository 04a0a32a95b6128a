"""A draft as the API takes it, and the API's problems beside the fields of the form."""

import contextlib
import json
import re
from collections.abc import Sequence
from typing import Any

from gainstage.audiences.operators import OPERATORS
from gainstage.dashboard.audiences.draft import STEP, Draft, Node, Part, Values

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")

SPAN = re.compile(r"([0-9]+)\s*(d|days?|w|weeks?|h|hours?|m|min|minutes?)", re.IGNORECASE)


class Written:
    """A draft as a document. The API tells problems by its places (`where.all[0].not.event`): of each it is
    known which field of the form it was made of.
    """

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
            body["where"] = [self._filter(part, f"where[{n}]") for n, part in enumerate(draft.filters)]

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
                step["within"] = lasting(part.values["within"])
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
            found["within"] = lasting(values["within"])
        if values["from"] or values["to"]:
            found["between"] = [lasting(values["from"]), lasting(values["to"])]
        return found

    def _filters(self, parts: Sequence[Part], place: str) -> list[dict[str, Any]]:
        return [self._filter(part, f"{place}.where[{n}]") for n, part in enumerate(parts)]

    def _filter(self, part: Part, place: str) -> dict[str, Any]:
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


def lasting(text: str) -> str:
    """A length of time as definitions have it, 30d for 30 days; what is none stays as it was entered."""
    found = SPAN.fullmatch(text.strip())
    return f"{found[1]}{found[2][0].lower()}" if found else text


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
