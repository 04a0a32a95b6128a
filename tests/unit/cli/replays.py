"""Replays that never were, for the commands to show."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

REPLAY: dict[str, Any] = {
    "id": 3,
    "state": "running",
    "created_at": "2026-11-22T10:00:00.000Z",
    "ended_at": None,
    "from": "2026-11-15T10:00:00.000Z",
    "to": "2026-11-22T10:00:00.000Z",
    "sources": [],
    "types": ["identify"],
    "events": [],
    "user": "[ann]",
    "destinations": ["cs", "px"],
    "outcomes": [],
    "resend_events": False,
    "read_percent": 40,
    "found": 2_000,
    "planned": 1_300,
    "unchanged": 300,
    "ended": {"delivered": 10, "filtered": 0, "failed": 0, "parked": 0},
    "pending": 1_290,
    "held": 0,
    "skipped": {
        "delivered": 12,
        "pending": 1,
        "settings": 0,
        "given_up": 0,
        "refused": 0,
        "unknown": 0,
        "forgotten": 0,
    },
    "history_begins_at": "2026-11-16T00:00:00.000Z",
}


@dataclass
class FakeReplays:
    """What of history is sent again, as of `gainstage.app`."""

    ask: Callable[..., None]

    def begin(self, **filters: Any) -> dict[str, Any]:
        self.ask("begin", filters)
        return REPLAY

    def rehearse(self, **filters: Any) -> dict[str, Any]:
        self.ask("rehearse", filters)
        return {
            **REPLAY,
            "calls": {"cs": 1_234, "px": 5},
            "finishes_at": {"cs": None, "px": "2026-11-22T10:01:00Z"},
        }

    def newest(self) -> list[dict[str, Any]]:
        return [REPLAY]

    def show(self, number: int) -> dict[str, Any]:
        self.ask("show", number)
        return REPLAY

    def pause(self, number: int) -> dict[str, Any]:
        return {**REPLAY, "state": "paused", "held": 7, "pending": 0}

    def resume(self, number: int) -> dict[str, Any]:
        return REPLAY

    def cancel(self, number: int) -> dict[str, Any]:
        return {**REPLAY, "state": "cancelled"}
