"""What this server is: its version, how much it keeps and for how long, and what is set for it as a whole."""

import os
import platform
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from gainstage import __version__
from gainstage.app.configuring import opened
from gainstage.app.moments import iso
from gainstage.app.reports import open_store
from gainstage.computing.state import FOLDER_NAME as AUDIENCES
from gainstage.configuration import resolve
from gainstage.connection import Configuration, Retention
from gainstage.figures.ages import AGES
from gainstage.figures.keeping import size_bytes
from gainstage.operating import Alerts

SECOND_US = 1_000_000


def about(data: Path) -> dict[str, Any]:
    """Version, storage, and what is set for the server as a whole; no secret, and no path.

    Raises:
        UsageError: the folder holds no data.
    """
    now_us = time.time_ns() // 1_000
    with closing(open_store(data)) as reports:
        status = reports.status(now_us)
        documents, revision = reports.ask(lambda reading: (reading.documents(), reading.revision()))
    resolved = resolve(opened(data, documents), os.environ, revision=revision, lenient=True)
    room = os.statvfs(data)
    return {
        "version": __version__,
        "python": platform.python_version(),
        "at": iso(now_us),
        "revision": revision,
        "disk": {"free_bytes": room.f_bavail * room.f_frsize, "size_bytes": room.f_blocks * room.f_frsize},
        "storage": [
            {"part": "log", **status["kept"]["log"]},
            {"part": "ledger", **status["kept"]["ledger"]},
            _history(status["kept"]["history"]),
            {"part": "audiences", "since": None, "bytes": _folder_bytes(data / AUDIENCES)},
            {"part": "figures", "since": None, "bytes": size_bytes(data)},
        ],
        "retention": _retention(resolved.configuration.retention),
        "alerts": _alerts(resolved.configuration.alerts),
        "canary": _canary(resolved.configuration),
        "limits": status["limits"],
        "log": status["log"],
    }


def _history(kept: dict[str, Any] | None) -> dict[str, Any]:
    day = kept["first_day"] if kept else None
    return {"part": "history", "since": f"{day}T00:00:00.000Z" if day else None,
            "bytes": kept["bytes"] if kept else 0}  # fmt: skip


def _retention(kept: Retention) -> dict[str, Any]:
    return {
        "log": {"days": kept.log_days, "bytes": kept.log_bytes},
        "ledger": {"days": kept.ledger_days, "events": kept.ledger_events},
        "history": {"enabled": kept.history, "days": kept.history_days, "bytes": kept.history_bytes},
        "audit": {"days": kept.audit_days},
        "figures": [
            {"days": age.until_us // (86_400 * SECOND_US), "every_seconds": age.every_us // SECOND_US}
            for age in AGES
        ],
    }


def _alerts(alerts: Alerts) -> dict[str, Any]:
    """Whether there is a webhook, and not which: its address may be worth as much as a password."""
    return {
        "webhook": alerts.webhook is not None,
        "signed": alerts.secret is not None,
        "oldest_pending_seconds": alerts.oldest_pending_seconds,
        "blocked_after_seconds": alerts.blocked_after_seconds,
        "ends_after_seconds": alerts.ends_after_seconds,
    }


def _canary(configuration: Configuration) -> dict[str, Any] | None:
    canary = configuration.canary
    if canary is None:
        return None
    return {
        "destinations": sorted(canary.destinations),
        "every_seconds": canary.every_seconds,
        "within_seconds": canary.within_seconds,
    }


def _folder_bytes(folder: Path) -> int:
    if not folder.exists():
        return 0
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
