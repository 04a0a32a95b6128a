"""What the last check of each destination found: remembered while the server runs, for who comes later."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

NOTHING: Mapping[str, Any] = {"at": None, "ok": None, "findings": ()}


class Checks:
    """The newest check of each destination, until its settings change."""

    def __init__(self) -> None:
        self._newest: dict[str, Mapping[str, Any]] = {}

    def keep(self, name: str, found: Mapping[str, Any]) -> None:
        """What a check found just now."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._newest[name] = {"at": at, **found}

    def newest(self, name: str) -> Mapping[str, Any]:
        """What is remembered: `{"at", "ok", "findings"}`, with no time and no findings where nothing is."""
        return self._newest.get(name, NOTHING)

    def forget(self, names: Iterable[str] | None = None) -> None:
        """It says nothing of what holds now; of every destination, if none is named."""
        for name in list(self._newest) if names is None else names:
            self._newest.pop(name, None)
