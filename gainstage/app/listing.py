"""The destinations in force: what each is, whether it works, and why it does not."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gainstage.app.configuring import stored_documents
from gainstage.app.reports import blocked
from gainstage.configuration import resolve
from gainstage.connection import Connected
from gainstage.errors import DataUnusable
from gainstage.reason import REASONS
from gainstage.sqlite import StorageUnavailable
from gainstage.store.store import NoStore, Store

NOTHING = {"reason": None, "detail": "", "remedy": "", "since": None, "next_try_at": None}


def destinations(data: Path) -> list[dict[str, Any]]:
    """Every destination, those that cannot be used among them, without its settings.

    Raises:
        UsageError: the folder holds no data.
    """
    documents = stored_documents(data)
    configuration = resolve(documents, os.environ, lenient=True).configuration
    why = _stopped(data)
    chosen = {
        one.name for one in documents if one.kind == "destination" and one.body.get("sources") is not None
    }
    return [
        {**_described(connected, why.get(name)), "all_sources": name not in chosen}
        for name, connected in configuration.destinations.items()
    ]


def described(data: Path, connected: Connected) -> dict[str, Any]:
    """One of them.

    Raises:
        UsageError: the folder holds no data.
    """
    return _described(connected, _stopped(data).get(connected.name))


def _stopped(data: Path) -> dict[str, dict[str, Any]]:
    """By destination why nothing is sent to it now."""
    try:
        store = Store(data, create=False)
    except (StorageUnavailable, NoStore) as error:
        raise DataUnusable(str(error)) from None
    try:
        with store.reading() as reading:
            stopped = blocked(reading, time.time_ns() // 1_000)
    finally:
        store.close()
    return {row.pop("destination"): row for row in stopped}


def _described(connected: Connected, stopped: Mapping[str, Any] | None) -> dict[str, Any]:
    state, why = _state(connected, stopped)
    known = REASONS.get(why["reason"] or "")
    return {
        "name": connected.name,
        "type": connected.type.name,
        "title": connected.type.title,
        "enabled": connected.enabled,
        "sources": sorted(connected.sources),
        "types": sorted(connected.kinds),
        "tells_fields": connected.type.doctor is not None,
        "state": state,
        **why,
        "remedy": known.remedy if known else "",
    }


def _state(connected: Connected, stopped: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """In a word whether anything is sent to it now, and why not."""
    if connected.problem is not None:
        return "blocked", {**NOTHING, "reason": connected.problem.code, "detail": connected.problem.detail}
    if not connected.enabled:
        return "disabled", NOTHING
    if connected.paused:
        return "paused", NOTHING
    if stopped is None or stopped["reason"] == "paused":  # the server has not seen yet that it may go on
        return "working", NOTHING
    return "blocked", {**NOTHING, **stopped}
