"""The alerts that stand, for reports: commands show them without what a server needs to watch for them."""

from collections.abc import Sequence
from typing import Any

from gainstage.alerts.announcing import condition_of
from gainstage.app.moments import iso
from gainstage.store.rows import AlertRow


def standing(rows: Sequence[AlertRow]) -> list[dict[str, Any]]:
    """The alerts that stand, as `status` shows them."""
    return [
        {"alert": one.alert, "subject": one.subject, "detail": one.sentence, "since": iso(row.begun_us)}
        for row in rows
        if row.ended_us is None
        for one in (condition_of(row),)
    ]
