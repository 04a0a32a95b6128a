"""The fix list: what failed or is parked, by cause in plain words, and what helps."""

from typing import Any

from starlette.responses import Response

from gainstage.dashboard.asking import Refused
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit

#: Among how many of the newest events people and companies are counted.
LOOKED_AT = 1_000
FILTERS = ("destination", "reason", "outcome")


async def show_causes(visit: Visit) -> Response:
    """The causes with the most people first."""
    asked = {name: visit.query(name) for name in FILTERS}
    found = await visit.get("/api/dead/summary", **asked, limit=LOOKED_AT)
    problems = [{**one, "address": _address(visit, one)} for one in found["problems"]]
    totals = {
        word: sum(one["events"] for one in problems if _word(one) == word)
        for word in ("failed", "parked", "refused")
    }
    return await visit.page("fixing.html", {**found, "problems": problems, "totals": totals, "asked": asked})


def _word(one: dict[str, Any]) -> str:
    """As the other pages count it: what met no destination has failed at none."""
    return str(one["outcome"]) if one["destination"] is not None else "refused"


def _address(visit: Visit, one: dict[str, Any]) -> str:
    """The page of the events behind a cause."""
    if one["destination"] is None:
        return visit.url("/events", outcome="refused", reason=one["reason"])
    return visit.url("/events", **{name: one[name] for name in FILTERS})


async def fix(visit: Visit) -> Response:
    """Try everything of a cause again, or give it up for good."""
    form = await visit.form()
    asked = {name: form.get(name) for name in FILTERS if form.get(name)}
    try:
        if form.get("do") == "purge":
            purged = await visit.send("POST", "/api/dead/purge", {**asked, "confirm": True})
            count = purged.content["given_up"]
            visit.tell(f"{count:,} given up for good." if count else "There was nothing left to give up.")
        else:
            count = (await visit.send("POST", "/api/dead/retry", asked)).content["retried"]
            sentence = f"{count:,} tried again now: what fails again comes back to this list."
            visit.tell(sentence if count else "There was nothing left to try again.")
    except Refused as refused:
        if refused.status != 422:
            raise
        visit.tell(refused.message, "danger")
    return visit.to("/fix")


FIXING = Room({"/fix": {"GET": show_causes, "POST": fix}}, "Fix list", "/fix", "tool")
