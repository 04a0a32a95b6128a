"""Replays: history sent again through today's settings, after a look at what that would come to."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gainstage.dashboard.asking import Refused
from gainstage.dashboard.forms import Form
from gainstage.dashboard.pages.events import with_audiences
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit
from gainstage.event import KINDS

OUTCOMES = (
    ("new", "Never met the destination"),
    ("delivered", "Delivered"),
    ("filtered", "Filtered"),
    ("failed", "Failed"),
    ("parked", "Parked"),
)
#: Why deliveries of a replay are left alone, in words.
SKIPPED = {
    "delivered": "delivered before, and Gainsight would add them twice",
    "pending": "on their way already",
    "settings": "delivered before, and not wanted by today's settings",
    "given_up": "given up",
    "refused": "refused messages",
    "unknown": "no longer in the ledger",
    "forgotten": "of people who were forgotten",
}
CHANGES = {
    "pause": "The replay is paused.",
    "resume": "The replay goes on.",
    "cancel": "The replay is cancelled.",
}
LISTS = ("sources", "types", "destinations", "outcomes")
NOTHING_ASKED: Mapping[str, Any] = {
    "events": (), "sources": (), "types": (), "destinations": (), "outcomes": (), "to": "", "user": "",
    "resend_events": False,
}  # fmt: skip


async def show_replays(visit: Visit) -> Response:
    """All of them, and the form that begins one."""
    return await _page(
        visit, {"from": "7d", **{name: visit.request.query_params.getlist(name) for name in LISTS}}
    )


async def ask_replay(visit: Visit) -> Response:
    """What a replay would come to; or the replay, begun."""
    form = await visit.form()
    asked = _asked(form)
    try:
        if form.get("do") == "begin":
            begun = (await visit.send("POST", "/api/replays", asked)).content
            visit.tell(f"Replay {begun['id']} has begun.")
            return visit.to(f"/replay/{begun['id']}")
        rehearsed = (await visit.send("POST", "/api/replays/dry-run", asked)).content
    except Refused as refused:
        if refused.status not in (400, 409, 422):
            raise
        return await _page(visit, asked, problem=refused.message, status=refused.status)
    return await _page(visit, asked, rehearsed)


def _asked(form: Form) -> dict[str, Any]:
    """The body that the form stands for."""
    asked: dict[str, Any] = {"from": form.get("from")}
    asked |= {name: form.get(name) for name in ("to", "user") if form.get(name)}
    asked |= {name: form.all(name) for name in LISTS if form.all(name)}
    if events := [line.strip() for line in form.raw("events").splitlines() if line.strip()]:
        asked["events"] = events
    if form.has("resend_events"):
        asked["resend_events"] = True
    return asked


async def _page(
    visit: Visit, asked: Mapping[str, Any], rehearsed: Any = None, *, problem: str = "", status: int = 200
) -> Response:
    configured = await visit.get("/api/configuration")
    data = {
        "replays": (await visit.get("/api/replays"))["replays"],
        "sources": with_audiences([one["name"] for one in configured["sources"]]),
        "destinations": [one["name"] for one in configured["destinations"]],
        "kinds": KINDS,
        "outcomes": OUTCOMES,
        "asked": {**NOTHING_ASKED, **asked},
        "rehearsed": rehearsed,
        "skipped": SKIPPED,
        "problem": problem,
    }
    return await visit.page("replays.html", data, status)


async def show_replay(visit: Visit) -> Response:
    """How far one is."""
    replay = await visit.get(f"/api/replays/{visit.path('id')}")
    return await visit.page("replay.html", {"replay": replay, "skipped": SKIPPED})


async def change_replay(visit: Visit) -> Response:
    """Hold one, let it go on, or end it."""
    number, change = visit.path("id"), (await visit.form()).get("do")
    if change in CHANGES:
        try:
            await visit.send("POST", f"/api/replays/{number}/{change}")
            visit.tell(CHANGES[change])
        except Refused as refused:
            if refused.status != 422:
                raise
            visit.tell(refused.message, "danger")
    return visit.to(f"/replay/{number}")


REPLAYS = Room(
    {
        "/replay": {"GET": show_replays, "POST": ask_replay},
        "/replay/{id:int}": {"GET": show_replay, "POST": change_replay},
    },
    "Replay",
    "/replay",
    "history",
)
