"""Sources: all of them, a new one, and one of them with its write keys and what to write into the sender."""

from typing import Any

from starlette.responses import Response

from gainstage.accounts import ADMIN
from gainstage.dashboard.asking import Refused
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.settings import sentence
from gainstage.dashboard.snippets import snippets_for
from gainstage.dashboard.visit import Visit

KINDS = (
    ("web", "Web: a website; its write key can be read in its pages"),
    ("mobile", "Mobile: an app; its write key can be read in it"),
    ("server", "Server: a backend, which keeps its write key to itself"),
)
ONE = "/sources/{name}"


async def show_all(visit: Visit) -> Response:
    """Every source, and what came from it."""
    return await visit.page("sources.html", await visit.get("/api/sources"))


async def show_new(visit: Visit) -> Response:
    """The form of a new source."""
    return await _new(visit)


async def make(visit: Visit) -> Response:
    """Make it, and show its write key."""
    form = await visit.form()
    body: dict[str, Any] = {"name": form.get("name"), "kind": form.get("kind") or "web"}
    body |= _given(form.get("origins"), form.get("rate_limit"))
    if key := form.raw("write_key").strip():
        body["write_key"] = key
    try:
        made = (await visit.send("POST", "/api/sources", body)).content
    except Refused as refused:
        if refused.status == 401:
            raise
        return await _new(visit, refused)
    return await _shown(visit, made, is_new=True)


def _given(origins: str, rate_limit: str) -> dict[str, Any]:
    """What a form says of origins and limit; nothing is the default."""
    listed = [line.strip() for line in origins.splitlines() if line.strip()]
    limit = int(rate_limit) if rate_limit.isdecimal() else 0 if rate_limit else None
    return {"origins": listed or None, "rate_limit": limit}


async def _new(visit: Visit, refused: Refused | None = None) -> Response:
    form = await visit.form() if refused is not None else None
    destinations = (await visit.get("/api/destinations"))["destinations"]
    names = ("name", "kind", "origins", "rate_limit")
    taken = refused is not None and refused.code == "name_taken"
    data = {
        "kinds": KINDS,
        "form": {name: form.get(name) if form is not None else "" for name in names},
        "message": refused.message if refused is not None else "",
        "problems": problems_of(refused),
        "there": form.get("name") if form is not None and taken else "",
        "feeds": [one for one in destinations if one["all_sources"]],
        "may_make": visit.may(ADMIN),
    }
    return await visit.page("source_new.html", data, refused.status if refused is not None else 200)


def problems_of(refused: Refused | None) -> dict[str, str]:
    """What is said of each field; of a list, of its entries together."""
    told: dict[str, str] = {}
    for one in refused.more.get("places", ()) if refused is not None else ():
        field = one["place"].partition("[")[0].partition(".")[0]
        told[field] = " ".join(filter(None, [told.get(field, ""), sentence(one["message"])]))
    return told


async def show(visit: Visit) -> Response:
    """One source."""
    return await _shown(visit, await visit.get(f"/api/sources/{visit.path('name')}"))


async def act(visit: Visit) -> Response:
    """A button of its page."""
    form, name = await visit.form(), visit.path("name")
    path, what = f"/api/sources/{name}", form.get("do")
    try:
        if what == "rotate":
            replaces = form.get("replaces") or None
            made = (await visit.send("POST", f"{path}/rotate", replaces=replaces)).content
            return await _shown(visit, made, is_new=True)
        if what == "remove":
            await visit.send("DELETE", path)
            visit.tell(f"{name} is removed.")
            return visit.to("/sources")
        if what == "remove_key":
            await visit.send("DELETE", f"{path}/keys/{form.get('key')}")
            visit.tell("The former write key is taken no more.")
        elif what in ("enable", "disable"):
            await visit.send("PUT", path, {"enabled": what == "enable"})
            visit.tell(f"{name} is switched {'on' if what == 'enable' else 'off'}.")
        elif what == "change":
            change = _given(form.get("origins"), form.get("rate_limit"))
            made = (await visit.send("PUT", path, change)).content
            visit.tell("Saved." if made["changed"] else "Nothing was different.")
    except Refused as refused:
        if refused.status == 401:
            raise
        if refused.code == "key_replaced":  # the page that showed the new key was loaded again
            visit.tell("The key was renewed already: no other was made.", "info")
        else:
            visit.tell(" ".join([refused.message, *refused.more.get("problems", ())]), "danger")
    return visit.to(f"/sources/{name}")


async def _shown(visit: Visit, source: dict[str, Any], *, is_new: bool = False) -> Response:
    history = await visit.get(f"/api/sources/{source['name']}/history")
    destinations = (await visit.get("/api/destinations"))["destinations"]
    address = address_of(visit)
    key = source["write_key"]
    return await visit.page(
        "source.html",
        {
            "source": source,
            "feeds": [one for one in destinations if one["name"] in source["feeds"]],
            "address": address,
            "snippets": snippets_for(source["kind"], address, key) if source["kind"] else [],
            "told_key": key if is_new else None,
            **history,
        },
    )


def address_of(visit: Visit) -> str:
    """Where this server is reached, as who asks has reached it."""
    headers, address = visit.request.headers, visit.request.url
    scheme = headers.get("x-forwarded-proto", address.scheme).split(",")[0].strip()
    return f"{scheme if scheme in ('http', 'https') else address.scheme}://{address.netloc}{visit.root}"


SOURCES = Room(
    {
        "/sources": {"GET": show_all},
        "/sources/new": {"GET": show_new, "POST": make},
        ONE: {"GET": show, "POST": act},
    },
    "Sources",
    "/sources",
    "login-2",
)
