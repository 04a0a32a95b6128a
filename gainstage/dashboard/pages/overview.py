"""What is going on."""

from starlette.responses import Response

from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit


async def show_overview(visit: Visit) -> Response:
    """The counts of every connection, budgets, and what is blocked."""
    return await visit.page("overview.html", {"status": await visit.get("/api/status")})


OVERVIEW = Room({"/overview": {"GET": show_overview}}, "Overview", "/overview", "layout-dashboard")
