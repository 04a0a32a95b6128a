"""What this server is: version, health, storage."""

import asyncio

from starlette.responses import Response

from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit

#: The parts of storage in plain words.
PARTS = {
    "log": ("Messages", "as they came: what a replay can send again"),
    "ledger": ("Outcomes", "what became of events, with each request and answer"),
    "history": ("Archive", "events for audiences to look back on"),
    "audiences": ("Audiences", "who is in which, and what was said of it"),
    "figures": ("Figures", "what was counted, for the overview"),
}
LIMITS = {
    "free_disk": "Free on the disk",
    "waiting_events": "Events that wait",
    "unrouted_messages": "Messages that delivery has not met",
}


async def show_about(visit: Visit) -> Response:
    """Whether all works, and how much is kept."""
    about, attention = await asyncio.gather(visit.get("/api/about"), visit.get("/api/attention"))
    troubles = [one for one in attention["items"] if one["where"]["page"] == "about"]
    data = {"about": about, "troubles": troubles}
    if not visit.wants_json:
        data |= {"parts_of_storage": PARTS, "limits": LIMITS}
    return await visit.page("about.html", data)


ABOUT = Room({"/about": {"GET": show_about}}, "About", "/about", "info-circle")
