"""Forgetting a person: whom a request would mean, the request, and what became of it."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gainstage.accounts import ADMIN
from gainstage.dashboard.asking import Refused
from gainstage.dashboard.forms import Form
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit

PAGE = "/settings/forget"
RECEIPTS = 50
#: What is told beside the form, and not on a page of its own.
OF_THE_FORM = (400, 404, 409, 422)
STATES = {
    "looking": "is looked for",
    "purging": "is purged",
    "at_gainsight": "is deleted at Gainsight",
    "cleaning": "files are cleaned",
    "done": "done",
}
AT_GAINSIGHT = {
    "deleted": "deleted",
    "absent": "is not there",
    "by_hand": "to be deleted by hand",
    "failed": "could not be deleted",
    "waiting": "waits",
    "not_asked": "was not asked",
}


async def show_forgetting(visit: Visit) -> Response:
    """The form, and the receipts of former requests."""
    return await _page(visit)


async def use_forgetting(visit: Visit) -> Response:
    """Look for somebody, forget them, or let them in again. Whom somebody means is never in an address."""
    form = await visit.form()
    try:
        match form.get("do"):
            case "forget":
                return await _forgotten(visit, form)
            case "lift":
                await visit.send("POST", f"/api/forget/{form.get('request')}/lift")
                visit.tell("Their events are let in again. What was purged stays gone.")
                return visit.to(PAGE)
        found = (await visit.send("POST", "/api/forget/find", {"person": form.get("person")})).content
    except Refused as refused:
        if refused.status not in OF_THE_FORM:
            raise
        return await _page(visit, person=form.get("person"), problem=refused.message, status=refused.status)
    return await _page(visit, found, person=form.get("person"))


async def _forgotten(visit: Visit, form: Form) -> Response:
    asked = {"person": form.get("person"), "at_gainsight": form.has("at_gainsight"), "confirm": True}
    receipt = (await visit.send("POST", "/api/forget", asked)).content
    visit.tell(f"Request {receipt['request']} has begun: from now on nothing of this person is let in.")
    return visit.to(PAGE)


async def _page(
    visit: Visit,
    found: Mapping[str, Any] | None = None,
    *,
    person: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    receipts = (await visit.get("/api/forget", limit=RECEIPTS))["requests"]
    data = {
        "tab": "forget",
        "receipts": receipts,
        "moving": any(one["state"] != "done" for one in receipts),
        "found": found,
        "person": person,
        "problem": problem,
        "states": STATES,
        "at_gainsight": AT_GAINSIGHT,
    }
    return await visit.page("settings_forget.html", data, status)


FORGETTING = Room({PAGE: {"GET": show_forgetting, "POST": use_forgetting}}, role=ADMIN)
