"""What can be set up, and the steps by which a destination is."""

from typing import Any

from starlette.responses import Response

from gainstage.accounts import ADMIN
from gainstage.dashboard.asking import Refused
from gainstage.dashboard.pages.destinations import change_of, form_data
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.settings import controls, first_of, sent, sentence
from gainstage.dashboard.visit import Visit

STEPS = (("settings", "Settings"), ("check", "Credentials"), ("map", "Mapping"), ("preview", "Real events"))
#: The setting that leads to the sandbox instead of to Gainsight.
ADDRESS = "api_url"
SETUP = "/destinations/{name}/setup"


async def show_catalog(visit: Visit) -> Response:
    """What fits a search."""
    search = visit.query("search")
    entries = (await visit.get("/api/catalog", search=search))["entries"]
    return await visit.page("catalog.html", {"entries": entries, "search": search})


async def show_new(visit: Visit) -> Response:
    """The form of a new destination."""
    return await _new(visit, visit.query("type"))


async def make(visit: Visit) -> Response:
    """Make it, switched off, and go on with checking."""
    form = await visit.form()
    if form.has("try"):
        return await _new(visit, form.get("type"), fills=True)
    kind = await visit.get(f"/api/catalog/{form.get('type')}")
    name = form.get("name")
    body: dict[str, Any] = {
        "name": name,
        "type": kind["name"],
        "enabled": False,
        "sources": None if form.has("all_sources") else form.all("sources"),
        "settings": {
            key: value
            for key, value in sent(first_of(kind["settings"]), form, {}).items()
            if value is not None
        },
    }
    try:
        await visit.send("POST", "/api/destinations", body)
    except Refused as refused:
        if refused.status == 401:
            raise
        return await _new(visit, kind["name"], refused)
    return visit.to(f"/destinations/{name}/setup/check")


async def _new(
    visit: Visit, type_name: str, refused: Refused | None = None, *, fills: bool = False
) -> Response:
    """`fills`: with the sandbox's address, and all else as it was sent, but for secrets."""
    if not type_name:
        return visit.to("/catalog")
    kind = await visit.get(f"/api/catalog/{type_name}")
    form = await visit.form() if refused is not None or fills else None
    places = refused.more.get("places", []) if refused is not None else []
    inputs = first_of(kind["settings"])
    takes_address = any(one["name"] == ADDRESS for one in inputs)
    sandbox = (await visit.get("/api/sandbox"))["address"] if takes_address else None
    made = controls(inputs, {}, form=form, problems=places)
    if fills and sandbox:
        made = [{**one, "value": sandbox} if one["name"] == ADDRESS else one for one in made]
    return await visit.page(
        "wizard_new.html",
        {
            "type": {key: kind[key] for key in ("name", "title", "edition", "purpose")},
            "controls": made,
            "sandbox": sandbox,
            "name": form.get("name") if form is not None else "",
            "name_problem": " ".join(sentence(one["message"]) for one in places if one["place"] == "name"),
            "sources": [one["name"] for one in (await visit.get("/api/sources"))["sources"]],
            "chosen_sources": form.all("sources") if form is not None else [],
            "every_source": form.has("all_sources") if form is not None else True,
            "message": refused.message if refused is not None else "",
            "others": [one for one in places if not one["place"].startswith(("settings.", "name"))],
            "steps": _steps("settings"),
            "may_make": visit.may(ADMIN),
        },
        refused.status if refused is not None else 200,
    )


async def show_settings(visit: Visit) -> Response:
    """What it was asked for first, once more."""
    return await _step_page(visit, "wizard_settings.html", "settings", await form_data(visit, "first"))


async def save_settings(visit: Visit) -> Response:
    """Save them, and go on with checking."""
    return await _saved(visit, "first", "wizard_settings.html", "settings", "check")


async def show_check(visit: Visit) -> Response:
    """A button that tries the credentials; a script presses it."""
    return await _check(visit, None)


async def check(visit: Visit) -> Response:
    """What Gainsight says of them."""
    found = await visit.send("POST", f"/api/destinations/{visit.path('name')}/check")
    return await _check(visit, found.content)


async def _check(visit: Visit, checked: Any) -> Response:
    found = await visit.get(f"/api/destinations/{visit.path('name')}")
    data = {"destination": found, "checked": checked}
    return await _step_page(visit, "wizard_check.html", "check", data)


async def show_map(visit: Visit) -> Response:
    """The mapping, as on the destination's own page."""
    return await _step_page(visit, "wizard_map.html", "map", await form_data(visit, "mapping"))


async def save_map(visit: Visit) -> Response:
    """Save it and go on; or offer more rows."""
    if (await visit.form()).has("rows"):
        data = await form_data(visit, "mapping", sends=True)
        return await _step_page(visit, "wizard_map.html", "map", data)
    return await _saved(visit, "mapping", "wizard_map.html", "map", "preview")


async def _saved(visit: Visit, tab: str, template: str, step: str, then: str) -> Response:
    """Save what the form of a step has, and go on; or say in it what is wrong."""
    name = visit.path("name")
    try:
        await visit.send("PUT", f"/api/destinations/{name}", await change_of(visit, tab))
    except Refused as refused:
        if refused.status == 401:
            raise
        data = await form_data(visit, tab, sends=True, refused=refused)
        return await _step_page(visit, template, step, data, refused.status)
    return visit.to(f"/destinations/{name}/setup/{then}")


async def _step_page(
    visit: Visit, template: str, step: str, data: dict[str, Any], status: int = 200
) -> Response:
    return await visit.page(template, {**data, "steps": _steps(step, visit.path("name"))}, status)


async def show_preview(visit: Visit) -> Response:
    """What it would send of the events that came last."""
    name = visit.path("name")
    found = await visit.get(f"/api/destinations/{name}")
    # It changes nothing, and no form is needed to ask for it.
    path, csrf = f"/api/destinations/{name}/preview-change", visit.caller.csrf
    compared = (await visit.api.ask("POST", path, {}, csrf=csrf)).content
    data = {"destination": found, "compared": compared}
    return await _step_page(visit, "wizard_preview.html", "preview", data)


async def switch_on(visit: Visit) -> Response:
    """It meets events from now on."""
    name = visit.path("name")
    await visit.send("PUT", f"/api/destinations/{name}", {"enabled": True})
    visit.tell(f"{name} is set up and switched on: it meets what arrives from now on.")
    return visit.to(f"/destinations/{name}")


def _steps(now: str, name: str = "") -> list[dict[str, Any]]:
    """The steps; those before the present one lead back to where they are done."""
    done = [step for step, _ in STEPS[: [step for step, _ in STEPS].index(now)]]
    return [
        {
            "title": title,
            "now": step == now,
            "path": f"/destinations/{name}/setup/{step}" if step in done else "",
        }
        for step, title in STEPS
    ]


CATALOG = Room({"/catalog": {"GET": show_catalog}}, "Catalog", "/catalog", "apps")
WIZARD = Room(
    {
        "/destinations/new": {"GET": show_new, "POST": make},
        f"{SETUP}/settings": {"GET": show_settings, "POST": save_settings},
        f"{SETUP}/check": {"GET": show_check, "POST": check},
        f"{SETUP}/map": {"GET": show_map, "POST": save_map},
        f"{SETUP}/preview": {"GET": show_preview, "POST": switch_on},
    }
)
