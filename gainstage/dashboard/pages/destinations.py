"""Destinations: all of them, one of them, its settings, its mapping, and who changed it."""

from typing import Any

import msgspec
from starlette.responses import Response

from gainstage.accounts import EDITOR
from gainstage.dashboard.asking import Refused
from gainstage.dashboard.pages.offers import offers_for
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.settings import (
    EMPTY_ROWS,
    MORE_ROWS,
    begin_row,
    controls,
    first_of,
    of_mapping,
    of_settings,
    sent,
)
from gainstage.dashboard.visit import Visit

ONE = "/destinations/{name}"
#: The settings that a tab shows; `first` are those that a new destination is asked for.
SHOWN = {"settings": of_settings, "mapping": of_mapping, "first": first_of}
#: Calls whose traits or names a link may ask to map: `?track=Report Exported` begins a row for it.
BEGUN = ("identify", "group", "track")
#: What a button of the destination's page does, and what is said then.
CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "pause": ({"paused": True}, "{} is paused: what arrives waits for it."),
    "resume": ({"paused": False}, "{} goes on."),
    "enable": ({"enabled": True}, "{} is switched on: it meets what arrives from now on."),
    "disable": ({"enabled": False}, "{} is switched off: it does not meet what arrives meanwhile."),
}


async def show_all(visit: Visit) -> Response:
    """Every destination, whether it works, and what arrived."""
    destinations = (await visit.get("/api/destinations"))["destinations"]
    connections = (await visit.get("/api/status"))["connections"]
    counts = {
        one["name"]: {
            word: sum(row[word] for row in connections if row["destination"] == one["name"])
            for word in ("received", "delivered", "filtered", "failed", "parked", "pending")
        }
        for one in destinations
    }
    return await visit.page("destinations.html", {"destinations": destinations, "counts": counts})


async def show(visit: Visit) -> Response:
    """How a destination does."""
    name = visit.path("name")
    found = await visit.get(f"/api/destinations/{name}")
    rows = (await visit.get("/api/status"))["connections"]
    return await visit.page(
        "destination.html",
        {
            "destination": found,
            "connections": [row for row in rows if row["destination"] == name],
            "fields": await fields_of(visit, found),
            "checked": await visit.get(f"/api/destinations/{name}/check"),
            "tab": "overview",
        },
    )


async def act(visit: Visit) -> Response:
    """A button of that page."""
    form, name = await visit.form(), visit.path("name")
    path, what = f"/api/destinations/{name}", form.get("do")
    try:
        if what == "check":
            await visit.send("POST", f"{path}/check")
        elif what == "remove":
            await visit.send("DELETE", path)
            visit.tell(f"{name} is removed.")
            return visit.to("/destinations")
        elif what == "fields":
            await visit.send("POST", f"{path}/fields/read")
            visit.tell("The tenant's fields are read.")
        elif what == "take_fields":
            await visit.send("PUT", f"{path}/fields", msgspec.Raw(form.raw("list").encode()))
            visit.tell("The list is taken: mappings are held against it.")
        elif what == "forget_fields":
            await visit.send("DELETE", f"{path}/fields")
            visit.tell("The fields are forgotten: names and values are left to Gainsight.")
        elif what in CHANGES:
            change, told = CHANGES[what]
            await visit.send("PUT", path, change)
            visit.tell(told.format(name))
    except Refused as refused:
        visit.tell(" ".join([refused.message, *refused.more.get("problems", ())]), "danger")
    return visit.to(f"/destinations/{name}")


async def show_settings(visit: Visit) -> Response:
    """The form of its settings."""
    return await _form_page(visit, "settings")


async def show_mapping(visit: Visit) -> Response:
    """The form of what becomes which field."""
    return await _form_page(visit, "mapping")


async def change_settings(visit: Visit) -> Response:
    """Preview or save them."""
    return await _changed(visit, "settings")


async def change_mapping(visit: Visit) -> Response:
    """Preview or save it."""
    return await _changed(visit, "mapping")


async def _changed(visit: Visit, tab: str) -> Response:
    form, name = await visit.form(), visit.path("name")
    path = f"/api/destinations/{name}"
    if form.has("rows"):
        return await visit.page("destination_form.html", await form_data(visit, tab, sends=True))
    change = await change_of(visit, tab)
    try:
        if form.get("do") == "preview":
            compared = (await visit.send("POST", f"{path}/preview-change", change)).content
            return await _form_page(visit, tab, sends=True, compared=compared)
        made = (await visit.send("PUT", path, change)).content
    except Refused as refused:
        if refused.status == 401:
            raise
        return await _form_page(visit, tab, sends=True, refused=refused)
    if not made["changed"]:
        visit.tell("Nothing was different.", "info")
    elif tab != "mapping":
        visit.tell("Saved.")
    saved = "yes" if made["changed"] and tab == "mapping" else ""
    return visit.to(f"/destinations/{name}/{tab}", saved=saved)


async def change_of(visit: Visit, tab: str) -> dict[str, Any]:
    """What the form of a tab says, as the API takes it."""
    form = await visit.form()
    found = await visit.get(f"/api/destinations/{visit.path('name')}")
    kind = await visit.get(f"/api/catalog/{found['type']}")
    chosen = SHOWN[tab](kind["settings"])
    change: dict[str, Any] = {"settings": sent(chosen, form, found["settings"])}
    if tab != "mapping":
        change["sources"] = None if form.has("all_sources") else form.all("sources")
    if tab == "settings":
        change["types"] = None if len(form.all("types")) == len(kind["types"]) else form.all("types")
    return change


async def _form_page(
    visit: Visit,
    tab: str,
    *,
    sends: bool = False,
    compared: Any = None,
    refused: Refused | None = None,
) -> Response:
    data = await form_data(visit, tab, sends=sends, compared=compared, refused=refused)
    return await visit.page("destination_form.html", data, refused.status if refused else 200)


async def form_data(
    visit: Visit,
    tab: str,
    *,
    sends: bool = False,
    compared: Any = None,
    refused: Refused | None = None,
) -> dict[str, Any]:
    """What the form of a tab shows: what is in force, or what was sent and what is said of it. Pressing
    `rows` asks for more empty rows, or for one that is begun with a name.
    """
    found = await visit.get(f"/api/destinations/{visit.path('name')}")
    kind = await visit.get(f"/api/catalog/{found['type']}")
    fields = await fields_of(visit, found)
    chosen = SHOWN[tab](kind["settings"])
    form = await visit.form() if sends else None
    asked = form.get("rows") if form is not None else ""
    rows = MORE_ROWS if asked == "more" else EMPTY_ROWS
    problems = refused.more.get("places", []) if refused is not None else found["problems"]
    made = controls(
        chosen, found["settings"], form=form, problems=problems, warnings=found["warnings"], rows=rows
    )
    begun = [asked.partition(":")[::2]] if sends else [(names, visit.query(names)) for names in BEGUN]
    for names, key in begun:
        if key:
            begin_row(made, names, key)
    told = [one for one in problems if not any(_within(one["place"], inner["field"]) for inner in made)]
    return {
        "destination": found,
        "type": {key: kind[key] for key in ("title", "types", "mapped", "parts")},
        "controls": made,
        "sources": [one["name"] for one in (await visit.get("/api/sources"))["sources"]],
        "chosen_sources": form.all("sources") if form is not None else found["sources"],
        "every_source": form.has("all_sources") if form is not None else found["all_sources"],
        "chosen_types": form.all("types") if form is not None else found["types"],
        "offers": await offers_for(visit, found, fields, chosen),
        "fields": fields,
        "compared": compared,
        "message": _message(refused),
        "others": told if refused is not None else [],
        "tab": tab,
        "saved": not sends and bool(visit.query("saved")),
    }


def _within(place: str, field: str) -> bool:
    return place == field or place.startswith((f"{field}.", f"{field}["))


def _message(refused: Refused | None) -> str:
    if refused is None:
        return ""
    elsewhere = refused.more.get("problems", ()) if not refused.more.get("places") else ()
    return " ".join([refused.message, *elsewhere])


async def fields_of(visit: Visit, found: dict[str, Any]) -> Any:
    """What is known of the tenant's fields; None where its type tells none, or they cannot be told now."""
    if not found["tells_fields"] or found["problems"]:
        return None
    try:
        return await visit.get(f"/api/destinations/{found['name']}/fields")
    except Refused as refused:
        if refused.status in (409, 422):
            return None
        raise


async def show_history(visit: Visit) -> Response:
    """Who changed it, and when."""
    name = visit.path("name")
    return await visit.page(
        "destination_history.html",
        {
            "destination": await visit.get(f"/api/destinations/{name}"),
            **(await visit.get(f"/api/destinations/{name}/history")),
            "tab": "history",
            "may_edit": visit.may(EDITOR),
        },
    )


DESTINATIONS = Room(
    {
        "/destinations": {"GET": show_all},
        ONE: {"GET": show, "POST": act},
        f"{ONE}/settings": {"GET": show_settings, "POST": change_settings},
        f"{ONE}/mapping": {"GET": show_mapping, "POST": change_mapping},
        f"{ONE}/history": {"GET": show_history},
    },
    "Destinations",
    "/destinations",
    "send",
)
