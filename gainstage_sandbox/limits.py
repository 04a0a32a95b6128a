"""Call limits per family and account: fixed windows as documented, or a leaky bucket."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gainstage_sandbox.behaviour import RefusedError

WINDOWS = {"per_second": 1, "per_minute": 60, "per_hour": 3600, "per_day": 86400}
FAMILIES: dict[str, dict[str, int]] = {
    "cs": {"per_minute": 100, "per_day": 50_000},
    "cs_async": {"per_hour": 10, "per_day": 100},
    "px": {"per_second": 200, "per_day": 1_000_000},
    "px_push": {},
    "clickstream": {},
}
CHOICES = {"algorithm": ("fixed_window", "leaky_bucket"), "scope": ("key", "host", "all")}


@dataclass(slots=True)
class Meter:
    """How much of one window an account has used."""

    window: int
    used: float
    at: float


class Limits:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.families = {family: dict(windows) for family, windows in FAMILIES.items()}
        self.choices = {name: values[0] for name, values in CHOICES.items()}
        self.enabled = True
        self.retry_after = False
        self.day_starts_at_hour = 0
        self.max_body_bytes = 10_000_000
        self._meters: dict[tuple[str, str, str], Meter] = {}

    def take(self, family: str, account: str, now: float) -> int | None:
        """Count one call; None when it is allowed, else the seconds until one is again."""
        if not self.enabled:
            return None
        due: list[tuple[Meter, float]] = []
        wait = 0
        for name, limit in self.families[family].items():
            meter = self._meter(family, account, name, limit, now)
            if meter.used + 1 > limit + 1e-9:
                wait = max(wait, self._wait(meter, name, limit, now))
            due.append((meter, now))
        if wait:
            return wait
        for meter, at in due:
            meter.used += 1
            meter.at = at
        return None

    def change(self, wanted: Mapping[str, Any]) -> None:
        """Change several settings, or none when one is refused; null takes a window's limit away."""
        for name, value in wanted.items():
            self._check(name, value)
        for name, value in wanted.items():
            if name in FAMILIES:
                merged = {**self.families[name], **value}
                self.families[name] = {window: n for window, n in merged.items() if n is not None}
            elif name in CHOICES:
                if self.choices[name] != value:
                    self._meters.clear()
                self.choices[name] = value
            else:
                setattr(self, name, value)

    def describe(self, now: float) -> dict[str, Any]:
        used = []
        for (family, account, name), meter in self._meters.items():
            limit = self.families[family].get(name)
            if limit is None:
                continue
            seen = self._current(meter, name, limit, now)
            used.append(
                {
                    "family": family,
                    "account": account,
                    "window": name,
                    "limit": limit,
                    "used": math.ceil(seen - 1e-9),
                    "resets_at": self._end(name, now),
                }
            )
        return {
            "enabled": self.enabled,
            **self.choices,
            "retry_after": self.retry_after,
            "day_starts_at_hour": self.day_starts_at_hour,
            "max_body_bytes": self.max_body_bytes,
            **self.families,
            "used": used,
        }

    def _meter(self, family: str, account: str, name: str, limit: int, now: float) -> Meter:
        key = (family, account, name)
        meter = self._meters.get(key)
        if meter is None:
            if len(self._meters) >= 10_000:
                self._meters.clear()
            meter = self._meters[key] = Meter(self._index(name, now), 0, now)
        meter.used = self._current(meter, name, limit, now)
        meter.window, meter.at = self._index(name, now), now
        return meter

    def _current(self, meter: Meter, name: str, limit: int, now: float) -> float:
        if self.choices["algorithm"] == "leaky_bucket":
            return max(0.0, meter.used - (now - meter.at) * limit / WINDOWS[name])
        return meter.used if meter.window == self._index(name, now) else 0

    def _wait(self, meter: Meter, name: str, limit: int, now: float) -> int:
        if self.choices["algorithm"] == "leaky_bucket" and limit:
            return max(1, math.ceil((meter.used + 1 - limit) * WINDOWS[name] / limit))
        return max(1, math.ceil(self._end(name, now) - now))

    def _shift(self, name: str) -> int:
        return self.day_starts_at_hour * 3600 if name == "per_day" else 0

    def _index(self, name: str, now: float) -> int:
        return math.floor((now - self._shift(name)) / WINDOWS[name])

    def _end(self, name: str, now: float) -> float:
        return (self._index(name, now) + 1) * WINDOWS[name] + self._shift(name)

    def _check(self, name: str, value: Any) -> None:
        if name in FAMILIES:
            self._check_family(name, value)
        elif name in CHOICES:
            if value not in CHOICES[name]:
                raise RefusedError(f"{name} is one of {', '.join(CHOICES[name])}, not {value!r}.")
        elif name in ("enabled", "retry_after"):
            if not isinstance(value, bool):
                raise RefusedError(f"{name} is true or false, not {value!r}.")
        elif name in ("day_starts_at_hour", "max_body_bytes"):
            highest = 23 if name == "day_starts_at_hour" else 1_000_000_000
            if not _is_count(value) or value > highest:
                raise RefusedError(f"{name} is a whole number from 0 to {highest}, not {value!r}.")
        elif name != "used":
            known = [*FAMILIES, *CHOICES, "enabled", "retry_after", "day_starts_at_hour", "max_body_bytes"]
            raise RefusedError(f"There is no limit {name!r}; there are {', '.join(known)}.")

    def _check_family(self, name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise RefusedError(f'{name} takes an object such as {{"per_minute": 100}}, not {value!r}.')
        for window, limit in value.items():
            if window not in WINDOWS:
                raise RefusedError(f"{name} has no window {window!r}; there are {', '.join(WINDOWS)}.")
            if limit is not None and not _is_count(limit):
                raise RefusedError(f"{name}.{window} is a whole number or null, not {limit!r}.")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
