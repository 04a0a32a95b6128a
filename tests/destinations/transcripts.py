"""Transcript cases, plain JSON: event and settings in; operations, requests, canned answers, outcomes out.

A file holds `settings` and `cases`. A case has a `title`, and

- `message` (or `example`: the messageId of one in tests/fixtures/examples.jsonl), perhaps `identity`; or
  `works`: what the engine would hand over;
- `plan`: the operations, or `{"outcome", "reason"}`; `unmapped`: names of traits;
- `calls`: each request as [method, path, body, headers?] and its answer as [status, body], or "lost" or
  "unsent"; without it the event's works meet a healthy, empty vendor;
- `outcomes`: by work: [word, reason], with what else is to hold.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gainstage.destination import CallFailed, Destination, Request, Response, Work
from gainstage.event import Identity
from gainstage.operation import Record, Upsert
from gainstage.outcome import Blocked, Delivered, Outcome, Parked, Rejected, Retry, Throttled, Unknown
from gainstage.testing.driving import NOON_US, Driven, deliver, drive, event_of

EXAMPLES = Path(__file__).parents[1] / "fixtures" / "examples.jsonl"
WORDS = {
    Delivered: "delivered",
    Rejected: "rejected",
    Retry: "retry",
    Unknown: "unknown",
    Throttled: "throttled",
    Parked: "parked",
    Blocked: "blocked",
}


@dataclass(frozen=True)
class Case:
    """One case of a file."""

    file: str
    settings: dict[str, Any]
    content: dict[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.file}: {self.content['title']}"


def cases_of(folder: Path) -> list[Case]:
    """Every case of a destination."""
    found = []
    for path in sorted((folder / "cases").glob("*.json")):
        page = json.loads(path.read_text(encoding="utf-8"))
        for content in page["cases"]:
            found.append(Case(path.stem, {**page["settings"], **content.get("settings", {})}, content))
    return found


def example(message_id: str) -> dict[str, Any]:
    """A message of the shared examples."""
    for line in EXAMPLES.read_text(encoding="utf-8").splitlines():
        message: dict[str, Any] = json.loads(line)["message"]
        if message["messageId"] == message_id:
            return message
    raise KeyError(message_id)


def play(destination: Destination, case: Case) -> None:
    """Hold a destination to a case."""
    settings = destination.settings(**case.settings)
    content = case.content
    vendor = Script(content.get("calls"), destination)
    if "works" in content:
        driven = [drive(destination, settings, [read_work(work) for work in content["works"]], vendor)]
    else:
        message = example(content["example"]) if "example" in content else content["message"]
        planned = destination.plan(settings, event_of(message), Identity(**content.get("identity", {})))
        if "plan" in content:
            assert shown_plan(planned.plan) == content["plan"]
        assert list(planned.unmapped) == content.get("unmapped", [])
        driven = []
        if isinstance(planned.plan, tuple) and ("calls" in content or "outcomes" in content):
            driven = deliver(destination, settings, planned, vendor)
    vendor.finish()
    if "outcomes" in content:
        assert shown_outcomes(driven, content["outcomes"]) == content["outcomes"]


def read_work(given: dict[str, Any]) -> Work:
    """A piece of work as a case writes it."""
    after = {Record(*name.split(" ", 1)): facts for name, facts in given.get("after", {}).items()}
    record = Record(*given["record"].split(" ", 1))
    plain = {name: value for name, value in given.items() if name not in ("record", "after")}
    work = {"kind": "upsert", "time_us": NOON_US, "known": given.get("fields", {}), **plain}
    return Work(record=record, after=after, **work)


def shown_plan(plan: Any) -> Any:
    """A plan as a case writes it."""
    if not isinstance(plan, tuple):
        return {"outcome": type(plan).__name__.lower(), "reason": plan.code}
    found = []
    for operation in plan:
        name = " ".join(operation.record)
        if isinstance(operation, Upsert):
            shown = {"upsert": name, "fields": operation.fields}
            if operation.after:
                shown["after"] = [" ".join(record) for record in operation.after]
        else:
            shown = {"append": name, "content": operation.content}
        found.append(shown)
    return found


class Script:
    """A vendor that expects the requests of a case and answers as the case says."""

    def __init__(self, calls: list[Any] | None, destination: Destination) -> None:
        self._calls = None if calls is None else list(calls)
        self._destination = destination

    def __call__(self, request: Request) -> Response:
        if self._calls is None:
            return self._destination.pretend(request)
        assert self._calls, f"one call too many: {request.method} {request.url} {request.body.decode()}"
        (method, path, body, *more), answer = self._calls.pop(0)
        expected = path if "://" in path else path_of(request, path)
        assert (request.method, request.url) == (method, expected)
        assert (json.loads(request.body) if request.body else None) == body
        for name, value in (more[0] if more else {}).items():
            assert request.headers[name] == value, name
        if answer in ("lost", "unsent"):
            code = "timeout" if answer == "lost" else "unreachable"
            raise CallFailed(code, "no answer came", sent=answer == "lost")
        status, content = answer
        encoded = content.encode() if isinstance(content, str) else msgspec.json.encode(content)
        return Response(status, {}, encoded)

    def finish(self) -> None:
        """All expected calls were made."""
        assert not self._calls, f"calls that were not made: {self._calls}"


def path_of(request: Request, path: str) -> str:
    """A path as an address on the request's own host."""
    scheme, _, rest = request.url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}{path}"


def shown_outcomes(driven: list[Driven], wanted: list[Any]) -> list[Any]:
    """Outcomes as the case writes them; only what the case asks for is shown."""
    found: list[Any] = []
    for done in driven:
        for place in sorted(done.settled.keys() | done.failed | done.untried):
            if place not in done.settled:
                found.append(["failed call" if place in done.failed else "untried"])
                continue
            settled, keys = done.settled[place], {}
            if len(found) < len(wanted) and isinstance(wanted[len(found)][-1], dict):
                keys = wanted[len(found)][-1]
            found.append([*shown_outcome(settled.outcome), *([shown_more(settled, keys)] if keys else [])])
    return found


def shown_outcome(outcome: Outcome) -> list[str]:
    word = WORDS[type(outcome)]
    code = getattr(outcome, "code", "")
    return [word, code] if code else [word]


def shown_more(settled: Any, keys: dict[str, Any]) -> dict[str, Any]:
    """What else a case asks of an outcome: facts, learnt, fields, hold, words that its detail holds."""
    outcome, found = settled.outcome, {}
    for key, value in keys.items():
        if key in ("facts", "occupied"):
            found[key] = getattr(settled, key)
        elif key == "learnt":
            found[key] = {" ".join(record): facts for record, facts in settled.learnt.items()}
        elif key == "says":
            found[key] = value if value in outcome.detail else outcome.detail
        else:
            given = getattr(outcome, key)
            found[key] = list(given) if isinstance(given, tuple) else given
    return found
