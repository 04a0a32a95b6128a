"""A case with a tenant of Gainsight PX."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import unquote

from gainstage.destination import Request, Response
from gainstage_sandbox.state import State
from tests.properties import case
from tests.properties.px.values import SEEDED
from tests.properties.values import Value

Named = tuple[str, str]
"""`user` or `account`, and its id."""


@dataclass(frozen=True)
class Said(case.Message):
    """One message, and what it says."""

    values: tuple[Value, ...]
    #: The account of a group; empty where it names none.
    group: str
    #: The event that a track, page or screen is, and whether PX refuses it.
    event: dict[str, Any]
    bad_event: bool
    #: Whether the traits stand in `context.traits`.
    inner: bool


@dataclass
class Case(case.Case):
    """One world."""

    #: Whether the tenant has told of its custom attributes.
    closed: bool = False
    users: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    #: Users and accounts that others delete, and in which second.
    deletions: list[tuple[float, str, str]] = field(default_factory=list)
    #: When each record was last deleted, alone or with its account. Filled while the case is lived through.
    gone: dict[Named, float] = field(default_factory=dict, init=False, compare=False)

    world = "px"
    destination = "gainsight_px"
    lists = (*case.Case.lists, "users", "accounts", "denied", "deletions")

    def before(self) -> dict[str, Any]:
        seed = {"users": self.users, "accounts": self.accounts, "denied": self.denied}
        return {"px": seed | ({"attributes": {"user": SEEDED, "account": SEEDED}} if self.closed else {})}

    def meanwhile(self) -> Iterator[tuple[float, Callable[[State], None]]]:
        self.gone.clear()
        for second, kind, key in self.deletions:
            yield second, lambda state, gone=(second, kind, key): self._delete(state, *gone)

    def _delete(self, state: State, second: float, kind: str, key: str) -> None:
        before = {(one, name) for one in ("user", "account") for name in state.px.records[one]}
        if (kind, key) in before:
            state.px.delete(kind, key, state.clock())
        after = {(one, name) for one in ("user", "account") for name in state.px.records[one]}
        self.gone.update(dict.fromkeys(before - after, second))

    def published(self, request: Request) -> str | None:
        if not request.url.endswith("/v1/events/custom"):
            return None
        body = json.loads(request.body)
        return f"{body['globalContext']['to']} {body['attributes']['seq']}"

    def about(self, request: Request) -> Named | None:
        """The user or account that a call writes."""
        path = request.url.partition("://")[2].partition("/v1/")[2]
        kind, _, last = path.partition("/")
        if kind not in ("users", "accounts") or request.method not in ("PUT", "POST"):
            return None
        body = json.loads(request.body)
        in_body = body.get("identifyId" if kind == "users" else "id", "")
        return kind[:-1], in_body if last in ("", "update") else unquote(last)

    def took(self, response: Response) -> str:
        if response.status >= 300:
            return "no"
        return "yes" if response.status in (201, 204) or isinstance(response.json(), dict) else "lost"

    def plainer(self) -> Iterator[Self]:
        for place, sent in enumerate(self.sent):
            for at, said in enumerate(sent.messages):
                for trait in dict.fromkeys(value.trait for value in said.values):
                    values = tuple(value for value in said.values if value.trait != trait)
                    plainer = replace(said, values=values)
                    yield self.with_message(place, at, replace(plainer, body=with_traits(plainer)))

    def own_lines(self) -> list[str]:
        return [
            f"attributes {'known' if self.closed else 'unknown'}, denied {self.denied}",
            *(f"there before: user {row}" for row in self.users),
            *(f"there before: account {row}" for row in self.accounts),
            *(f"deleted in second {second}: {kind} {key!r}" for second, kind, key in self.deletions),
        ]


def with_traits(said: Said) -> dict[str, Any]:
    """The body of a message with the traits that it says."""
    traits: dict[str, Any] = {}
    for value in said.values:
        outer, _, inner = value.trait.partition(".")
        if inner:
            traits.setdefault(outer, {})[inner] = value.sent
        else:
            traits[outer] = value.sent
    return {**said.body, **({"context": {"traits": traits}} if said.inner else {"traits": traits})}
