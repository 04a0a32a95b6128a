"""A stand-in for the composition root: the commands are tested for what they parse, call and print."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gainstage
import gainstage.app.logging  # commands find it there, though `gainstage.app` is a stand-in
from gainstage.app.auditing import Note, without_people
from gainstage.app.checking import summary
from gainstage.app.editing import Change
from gainstage.app.filtering import filters
from gainstage.app.logging import Style
from gainstage.app.spreadsheet import counted_lines, csv_lines
from gainstage.cli.main import run
from gainstage.errors import UsageError
from gainstage.ingest import Front
from gainstage.management import read_token
from tests.unit.cli.replays import FakeReplays

COUNTS = {
    "source": "web",
    "destination": "cs",
    "received": 3,
    "delivered": 3,
    "filtered": 0,
    "failed": 0,
    "parked": 0,
    "pending": 0,
}
DEAD = {
    "message_id": "m-1",
    "destination": "cs",
    "outcome": "failed",
    "reason": "event_unmapped",
    "detail": "No name for [Signed] Up.",
    "at": "2026-11-22T10:00:00Z",
    "received_at": "2026-11-22T10:00:00Z",
    "source": "web",
    "type": "track",
    "user_id": "u-1",
    "event": "Signed Up",
}
TRACE = {
    "message_id": "m-1",
    "received_at": "2026-11-22T10:00:00Z",
    "source": "web",
    "event": {"type": "track", "event": "Signed Up"},
    "destinations": [
        {
            "destination": "cs",
            "outcome": "failed",
            "reason": "event_unmapped",
            "detail": "No name for [Signed] Up.",
            "attempts": [
                {
                    "at": "t",
                    "method": "POST",
                    "url": "https://x/y",
                    "status": 400,
                    "request": {"a": 1},
                    "response": "cut",
                }
            ],
        }
    ],
}

FIELD = {
    "name": "Tier__gc",
    "type": "PICKLIST",
    "label": "Tier",
    "length": None,
    "decimal_places": None,
    "required": False,
    "read_only": False,
    "createable": True,
    "updateable": True,
    "state": "ENABLED",
    "custom": None,
    "alias": "",
    "items": [{"label": word} for word in "ABCDEFG"] + [{"label": "Old", "active": False}],
    "from": [{"source": "`tier`", "setting": "company_fields"}],
}
FIELDS = {
    "destination": "cs",
    "tenant": "acme.gainsightcloud.com",
    "origin": "read",
    "at": "2026-11-22T10:00:00Z",
    "objects": [{"name": "Company", "label": "Company", "fields": [FIELD]}],
    "findings": [{"level": "error", "setting": "company_fields", "message": "`x` goes to Y."}],
}


NAMES: dict[str, Any] = {
    "sources": [{"source": "web", "names": 2, "properties": 2, "other_events": 1_004}],
    "names": [
        {
            "source": "web",
            "type": "track",
            "name": "Signed [Up]",
            "count": 12,
            "last_at": "2026-11-22T10:00:00.000Z",
            "properties": [{"key": "plan", "count": 9}, {"key": "Plan", "count": 3}],
            "differ_by_case": [["plan", "Plan"]],
            "destinations": [
                {"destination": "px", "outcome": "sent", "reason": "", "detail": ""},
                {"destination": "cs", "outcome": "failed", "reason": "event_unmapped", "detail": "No."},
            ],
        },
        {
            "source": "web",
            "type": "page",
            "name": "",
            "count": 3,
            "last_at": "2026-11-22T10:00:00.000Z",
            "properties": [],
            "differ_by_case": [],
            "destinations": [],
        },
    ],
    "more": 7,
}


@dataclass
class FakeApp:
    """Remembers what it was asked, answers what a test wants."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    report: dict[str, Any] = field(
        default_factory=lambda: {
            "received": 3,
            "refused": 0,
            "duplicates": 0,
            "connections": [dict(COUNTS)],
            "calls": {"cs": 2},
            "undelivered": [],
        }
    )
    results: list[Any] = field(default_factory=list)
    status_now: dict[str, Any] = field(
        default_factory=lambda: {
            "connections": [COUNTS],
            "oldest_pending_seconds": None,
            "budgets": [],
            "blocked": [],
            "kept": {
                "log": {"since": "2026-01-01T00:00:00.000Z", "bytes": 2_500_000},
                "ledger": {"since": None, "bytes": 4096},
            },
            "alerts": [],
            "limits": [],
            "event_names": [],
            "near_misses": [],
            "uncounted": [],
            "replays": [],
        }
    )
    error: Exception | None = None
    #: How far a request to forget somebody is.
    state: str = "done"
    fields: dict[str, Any] = field(default_factory=lambda: FIELDS)
    names_now: dict[str, Any] = field(default_factory=lambda: NAMES)
    #: What the last server was told of what stands before it.
    front: Front = field(default_factory=Front)
    #: The token of the last server's management API.
    token: str | None = None

    #: The sandbox of the demo that the last server was started for.
    demo: str | None = None

    #: What the last server lets the first admin be made with.
    invitation: str | None = None
    #: What was noted of what commands did: action, object, detail.
    noted: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    filters = staticmethod(filters)
    without_people = staticmethod(without_people)

    @contextmanager
    def audited(self, data: Path, action: str, object_: str = "", **detail: Any) -> Iterator[Note]:
        note = Note(object_)
        note.add(**detail)
        yield note
        self.noted.append((action, note.object, note.detail))

    read_token = staticmethod(read_token)
    summary = staticmethod(summary)

    def _ask(self, *question: Any) -> None:
        self.asked.append(question)
        if self.error:
            raise self.error

    Front = Front

    def serve(
        self,
        data: Path,
        config: Path | None,
        host: str,
        port: int,
        *,
        front: Front,
        token: str | None,
        style: Style,
        demo: str | None,
        on_started: Callable[[str, str | None], None],
    ) -> None:
        self._ask("serve", data, config, host, port)
        self.front, self.token, self.style, self.demo = front, token, style, demo
        on_started("http://127.0.0.1:8080", self.invitation)

    def send(
        self,
        data: Path,
        config: Path | None,
        messages: Iterable[bytes],
        source: str | None,
        wait_seconds: float,
        progress: Callable[[Any], None],
        *,
        backfill: bool = False,
    ) -> dict[str, Any]:
        self._ask("send", data, config, list(messages), source, wait_seconds, *["backfill"] * backfill)
        progress(SimpleNamespace(received=3, settled=3, pending=0, calls=2))
        return self.report

    def preview(
        self, config: Path | None, data: Path, destination: str, messages: Iterable[bytes]
    ) -> Iterator[dict[str, Any]]:
        self._ask("preview", config, data, destination, list(messages))
        request = {
            "method": "PUT",
            "url": "https://x/y",
            "headers": {"Accesskey": "***"},
            "body": {"Email": "a@b.c"},
        }
        yield {"message_id": "m-1", "outcome": "planned", "reason": "", "requests": [request]}
        yield {"message_id": "m-2", "outcome": "parked", "reason": "email_missing", "requests": []}

    def check(self, data: Path, config: Path | None) -> list[Any]:
        self._ask("check", data, config)
        return self.results

    class Unreadable(Exception):
        """As of `gainstage.app`."""

    def kept_fields(self, data: Path, config: Path | None, destination: str | None) -> dict[str, Any]:
        self._ask("kept_fields", data, config, destination)
        return self.fields

    def read_fields(self, data: Path, config: Path | None, destination: str | None) -> dict[str, Any]:
        self._ask("read_fields", data, config, destination)
        return self.fields

    def forget_fields(self, data: Path, config: Path | None, destination: str | None) -> dict[str, Any]:
        self._ask("forget_fields", data, config, destination)
        return self.fields

    def upload_fields(
        self, data: Path, config: Path | None, destination: str | None, file: Path
    ) -> dict[str, Any]:
        self._ask("upload_fields", data, config, destination, file)
        return self.fields

    def names(self, data: Path, source: str | None, limit: int) -> dict[str, Any]:
        self._ask("names", data, source, limit)
        return self.names_now

    def forget_names(self, data: Path, source: str | None) -> dict[str, Any]:
        self._ask("forget_names", data, source)
        return {"forgotten": ["web"]}

    def open_store(self, data: Path) -> Any:
        self._ask("open_store", data)
        return self

    def status(self, now_us: int) -> dict[str, Any]:
        return self.status_now

    def let_go(self) -> str:
        return " What is older is kept no more."

    def would_forget(self, data: Path, person: str) -> dict[str, Any]:
        self._ask("would_forget", person)
        told = {"destination": "px", "outcome": "waiting", "reason": "", "detail": "Is asked.", "at": None}
        return {
            "person": person, "ids": ["u-1"], "emails": ["a@b.example"], "log_entries": 1_200, "events": 3,
            "archived_events": 4,
            "gainsight": [told],
        }  # fmt: skip

    def forget(self, data: Path, person: str, *, at_gainsight: bool, wait_seconds: float) -> dict[str, Any]:
        self._ask("forget", person, at_gainsight, wait_seconds)
        return self.receipt(data, 1)

    def receipts(self, data: Path, person: str | None, limit: int) -> list[dict[str, Any]]:
        self._ask("receipts", person, limit)
        return [self.receipt(data, 1)]

    def receipt(self, data: Path, number: int) -> dict[str, Any]:
        told = {"destination": "cs", "outcome": "by_hand", "reason": "", "detail": "By hand.", "at": None}
        return {
            "request": number, "asked_for": "00", "asked_at": "2026-01-01T00:00:00.000Z", "state": self.state,
            "detail": "Waits for a call.", "done_at": None, "suppressed": True, "lifted_at": None,
            "purged": {"log_entries": 1_200, "events": 3, "deliveries": 6, "calls": 2, "archived_events": 4},
            "mentioned_by_others": 4, "left_in_log": 0, "left_in_store": 0,
            "log_gone_by": "2026-02-01T00:00:00.000Z", "gainsight": [told],
        }  # fmt: skip

    def lift(self, data: Path, number: int) -> dict[str, Any]:
        self._ask("lift", number)
        return self.receipt(data, number)

    def trace(self, message_id: str, source: str | None = None) -> dict[str, Any] | None:
        return TRACE if message_id == "m-1" and source in (None, "web") else None

    @property
    def replays(self) -> FakeReplays:
        return FakeReplays(self._ask)

    @property
    def dead(self) -> "FakeDead":
        return FakeDead(self._ask)

    Change = Change
    csv_lines, counted_lines = staticmethod(csv_lines), staticmethod(counted_lines)

    def close(self) -> None:
        self._ask("close")

    def apply(self, data: Path, config: Path, permit: Callable[[Any], None]) -> dict[str, Any]:
        self._ask("apply", data, config)
        return {"changed": True, "revision": 2, "sources": 1, "destinations": 1, "warnings": ["odd"]}

    def export(self, data: Path) -> str:
        self._ask("export", data)
        return "sources: []\n"


@dataclass
class FakeDead:
    """What failed or is parked, as of `gainstage.app`."""

    ask: Callable[..., None]

    def rows(self, **filters: Any) -> Iterator[dict[str, Any]]:
        self.ask("rows", filters)
        yield DEAD

    def exported(self, **filters: Any) -> Iterator[dict[str, Any]]:
        self.ask("exported", filters)
        yield {**DEAD, "known": {}, "message": TRACE["event"]}

    def summary(self, **filters: Any) -> list[dict[str, Any]]:
        self.ask("summary", filters)
        told = {
            "title": "event not mapped",
            "people": 1204,
            "companies": 31,
            "events": 3010,
            "remedy": "Add it.",
        }
        return [{"destination": "cs", "outcome": "failed", "reason": "event_unmapped", **told}]

    def retry(self, **filters: Any) -> int:
        self.ask("retry", filters)
        return 2

    def count(self, message_ids: Any, **filters: Any) -> int:
        return 2

    def purge(self, message_ids: Any, **filters: Any) -> int:
        self.ask("purge", message_ids, filters)
        return 2

    def edit(self, message_id: str, change: Change, source: str | None) -> dict[str, Any]:
        self.ask("edit", message_id, change, source)
        return {"message_id": message_id, "source": "web", "destinations": ["cs", "px"], "message": {}}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeApp:
    fake = FakeApp()
    monkeypatch.setitem(sys.modules, "gainstage.app", fake)
    monkeypatch.setattr(gainstage, "app", fake, raising=False)
    monkeypatch.chdir(tmp_path)
    return fake


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def gainstage_command(app: FakeApp, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    def command(*arguments: str) -> Ended:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return command


__all__ = ["COUNTS", "DEAD", "TRACE", "Ended", "FakeApp", "UsageError"]
