"""What events are called: how often each name came, and what each destination makes of it."""

from starlette.responses import Response

from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit

#: Calls that have names of somebody's own.
NAMED = ("track", "page", "screen")
MOST = 500


async def show_names(visit: Visit) -> Response:
    """The most frequent names, of all sources or of one."""
    source = visit.query("source")
    found = await visit.get("/api/names", source=source, limit=MOST)
    data = {
        **found,
        "names": [one for one in found["names"] if one["type"] in NAMED],
        "choices": [one["name"] for one in (await visit.get("/api/sources"))["sources"]],
        "source": source,
    }
    return await visit.page("names.html", data)


NAMES = Room({"/names": {"GET": show_names}})
