"""What the last check of each destination found: remembered while the server runs, for who comes later."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

NOTHING: Mapping[str, Any] = {"at": None, "ok": None, "findings": (), "changed_since": False}


class Checks:
    """The newest check of each destination."""

    def __init__(self) -> None:
        self._newest: dict[str, Mapping[str, Any]] = {}

    def keep(self, name: str, found: Mapping[str, Any]) -> None:
        """What a check found just now."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._newest[name] = {"at": at, **found, "changed_since": False}

    def newest(self, name: str) -> Mapping[str, Any]:
        """What is remembered: `{"at", "ok", "findings", "changed_since"}`, with no time and no findings where
        nothing is.
        """
        return self._newest.get(name, NOTHING)

    def outdate(self, name: str | None = None) -> None:
        """The settings of a destination, or of any, have changed."""
        for key in self._newest.keys() & {name} if name is not None else list(self._newest):
            self._newest[key] = {**self._newest[key], "changed_since": True}

    def forget(self, name: str) -> None:
        """There is no such destination any more."""
        self._newest.pop(name, None)
