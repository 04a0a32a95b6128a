"""Alerts: once when a mark of a budget is reached, persisted, armed again when the use has fallen well below.

An alert is announced after the transaction that keeps it: at most once, also across restarts.
"""

import logging
from collections.abc import Callable

import msgspec

from gainstage.delivery.forecasting import alert, ends_us
from gainstage.store.contract import Budgets

logger = logging.getLogger(__name__)


class BudgetAlert(msgspec.Struct, frozen=True):
    """So many percent of a budget are used, for the first time since the use was well below."""

    account: str
    family: str
    window: str
    percent: int
    used: int
    usable: int
    at_us: int
    #: When it is used up at the rate of the last hour; None where it is not.
    ends_us: int | None


Announce = Callable[[BudgetAlert], None]


def log_alert(one: BudgetAlert) -> None:
    """As a warning of the server's log."""
    left = "none" if one.ends_us is None else (one.ends_us - one.at_us) // 1_000_000
    names = ("account", "family", "window", "percent", "used", "usable")
    fields = {name: getattr(one, name) for name in names}
    logger.warning("budget_alert", extra={**fields, "seconds_left": left})


def due_alerts(store: Budgets, now_us: int) -> list[BudgetAlert]:
    """Marks that were reached since the last look; each is kept as announced."""
    found = []
    for row in store.all():
        mark = alert(row, now_us)
        if mark == row.alert:
            continue
        if mark > row.alert:
            figures = (mark, row.used(now_us), row.usable_at(now_us), now_us, ends_us(row, now_us))
            found.append(BudgetAlert(row.account, row.family, row.window, *figures))
        row.alert, row.alert_us = mark, now_us if mark else 0
        store.save(row)
    return found
