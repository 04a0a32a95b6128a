"""A budget as `status` shows it: limit, use, forecast, alert, and what refusals taught."""

from typing import Any

from gainstage.app.moments import iso
from gainstage.delivery.forecasting import ends_us
from gainstage.delivery.throttling import full_again_us
from gainstage.store.rows import BudgetRow


def budget_report(row: BudgetRow, now_us: int) -> dict[str, Any]:
    """The entry of `budgets` in `gainstage status --json`.

    The window slides, so nothing resets at once: `resets_at` is when the oldest calls leave it, or when calls
    may be made again where the vendor refused one.
    """
    counted = [one for one in row.counted(now_us) if one.used]
    oldest_us = row.leaves_us(min(counted[0].number, now_us // row.slice_us)) if counted else now_us
    stop_us = row.stop_until_us if row.stop_until_us > now_us else 0
    forecast_us = ends_us(row, now_us)
    return {
        "account": row.account,
        "family": row.family,
        "window": row.window,
        "limit": row.usable,
        "used": row.used(now_us),
        "resets_at": iso(max(oldest_us, stop_us)),
        "usable": row.usable_at(now_us),
        "ends_at": iso(forecast_us) if forecast_us is not None else None,
        "alert_percent": row.alert or None,
        "alert_since": iso(row.alert_us) if row.alert else None,
        "stopped_until": iso(stop_us) if stop_us and row.refusals else None,
        "lowered": _lowered(row, now_us),
    }


def _lowered(row: BudgetRow, now_us: int) -> dict[str, Any] | None:
    """Why less is used than configured, and until when."""
    full_us = full_again_us(row, now_us)
    if full_us is None:
        return None
    reason = (
        f"The vendor refused a call when {row.lowered} of {row.usable} had been used in a {row.window}: "
        "others use this limit too, or it is smaller."
    )
    return {"to": row.lowered, "at": iso(row.lowered_us), "until": iso(full_us), "reason": reason}
