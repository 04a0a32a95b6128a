"""Failures injected on request: which call they hit, how often, and what they do to it.

Here are the rules and the choice among them; the connection tricks themselves are in gate.py.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from gainstage_sandbox.behaviour import RefusedError

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
APIS = ("cs", "px", "clickstream")
KINDS: dict[str, str] = {
    "status": "answers with `status`, `headers` and `answer` (a vendor-like error without `answer`)",
    "delay": "waits `seconds`, then goes on as usual",
    "hang": "keeps the connection open for `seconds` without a word, then cuts it",
    "reset": "resets the connection before anything is done",
    "lost_answer": "does what was asked, then cuts the connection without an answer",
    "cut_body": "does what was asked, then cuts the connection half-way through the answer",
    "html": "answers with an HTML page and `status` (200 when absent)",
    "empty_body": "answers with `status` (200 when absent) and no body",
}
MAY_PROCESS = frozenset({"status", "hang", "html", "empty_body"})
"""Kinds that leave the request undone unless `processed` is true."""


@dataclass(slots=True)
class Fault:
    fault: str
    api: str | None = None
    method: str | None = None
    path: str | None = None
    contains: str | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    answer: Any = None
    seconds: float = 0.0
    processed: bool = False
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    matched: int = 0
    fired: int = 0
    random: random.Random = field(default_factory=random.Random)

    def hits(self, api: str, method: str, path: str, body: bytes) -> bool:
        """Whether the rule applies to this call; counts the call when it matches."""
        if self.times is not None and self.fired >= self.times:
            return False
        if self.api is not None and self.api != api:
            return False
        if self.method is not None and self.method != method:
            return False
        if self.path is not None and not fnmatchcase(path, self.path):
            return False
        if self.contains is not None and self.contains.encode() not in body:
            return False
        self.matched += 1
        if self.matched <= self.skip:
            return False
        if self.probability < 1 and self.random.random() >= self.probability:
            return False
        self.fired += 1
        return True

    @property
    def answer_bytes(self) -> bytes:
        return self.answer.encode() if isinstance(self.answer, str) else msgspec.json.encode(self.answer)

    def view(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*_KINDS_OF_VALUE, "matched", "fired")}


class Faults:
    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def reset(self) -> None:
        self.rules = []

    def add(self, wanted: Any) -> None:
        """Add rules behind those there are; none when one of them is refused."""
        if isinstance(wanted, dict) and set(wanted) == {"rules"}:
            wanted = wanted["rules"]
        rules = wanted if isinstance(wanted, list) else [wanted]
        if len(self.rules) + len(rules) > 1000:
            raise RefusedError("The sandbox keeps at most 1000 fault rules; DELETE them first.")
        self.rules.extend([read_fault(rule) for rule in rules])

    def choose(self, api: str, method: str, path: str, body: bytes) -> Fault | None:
        """The first rule that applies."""
        for rule in self.rules:
            if rule.hits(api, method, path, body):
                return rule
        return None

    def describe(self) -> list[dict[str, Any]]:
        return [rule.view() for rule in self.rules]


_KINDS_OF_VALUE: dict[str, tuple[type, ...]] = {
    "fault": (str,),
    "api": (str, type(None)),
    "method": (str, type(None)),
    "path": (str, type(None)),
    "contains": (str, type(None)),
    "status": (int, type(None)),
    "headers": (dict,),
    "answer": (object,),
    "seconds": (int, float),
    "processed": (bool,),
    "times": (int, type(None)),
    "skip": (int,),
    "probability": (int, float),
    "seed": (int,),
}


def read_fault(rule: Any) -> Fault:
    """A rule from its JSON form; raises RefusedError with a sentence about what is wrong."""
    if not isinstance(rule, Mapping):
        raise RefusedError(f"A fault rule is a JSON object, not {rule!r}.")
    for name, value in rule.items():
        if name not in _KINDS_OF_VALUE:
            raise RefusedError(f"A fault rule has no {name!r}; it has {', '.join(_KINDS_OF_VALUE)}.")
        wanted = _KINDS_OF_VALUE[name]
        if not isinstance(value, wanted) or (
            isinstance(value, bool) and bool not in wanted and name != "answer"
        ):
            raise RefusedError(f"The {name} of a fault rule cannot be {value!r}.")
    kind = rule.get("fault")
    if kind not in KINDS:
        raise RefusedError(f"A fault rule needs a fault: one of {', '.join(KINDS)}; not {kind!r}.")
    found = Fault(**{**rule, "headers": dict(rule.get("headers", {}))})
    _check_values(found)
    if found.method is not None:
        found.method = found.method.upper()
    found.random = random.Random(found.seed)
    return found


def _check_values(rule: Fault) -> None:
    if rule.api is not None and rule.api not in APIS:
        raise RefusedError(f"The api of a fault rule is one of {', '.join(APIS)}, not {rule.api!r}.")
    if rule.fault == "status" and rule.status is None:
        raise RefusedError("A fault rule of kind status needs a status.")
    if rule.status is not None and not 200 <= rule.status <= 599:
        raise RefusedError(f"The status of a fault rule is from 200 to 599, not {rule.status}.")
    if rule.fault in ("delay", "hang") and rule.seconds <= 0:
        raise RefusedError(f"A fault rule of kind {rule.fault} needs seconds greater than 0.")
    if not 0 <= rule.seconds <= 86400:
        raise RefusedError("The seconds of a fault rule are from 0 to 86400.")
    if not 0 <= rule.probability <= 1:
        raise RefusedError("The probability of a fault rule is from 0 to 1.")
    if rule.skip < 0 or (rule.times is not None and rule.times < 1):
        raise RefusedError("The skip of a fault rule is 0 or more, and times is 1 or more (null: for ever).")
    if rule.processed and rule.fault not in MAY_PROCESS:
        raise RefusedError(f"processed goes with {', '.join(sorted(MAY_PROCESS))}, not with {rule.fault}.")
    for name, value in rule.headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in ("content-length", "transfer-encoding"):
            raise RefusedError(f"A fault rule cannot set a header {name!r}.")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise RefusedError(f"The header {name!r} of a fault rule must be one line of ASCII text.")
