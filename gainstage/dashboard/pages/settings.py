"""Who may log in, tokens for programs, what is set for the server as a whole, and who did what."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from gainstage.accounts import ADMIN, ROLES
from gainstage.dashboard.asking import YAML, Refused
from gainstage.dashboard.rendering import HEADERS
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.settings import controls, sent
from gainstage.dashboard.visit import Visit

#: What is told beside the form, and not on a page of its own.
OF_THE_FORM = (404, 409, 422, 429)
#: As what the configuration is downloaded, and where a server looks for it.
FILE_NAME = "gainstage.yaml"
REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
OF_CONNECTIONS = ("sources", "destinations")
OUTCOMES = ("done", "refused", "failed", "begun")
TITLES = {
    "alerts": "Alerts",
    "canary": "Canary",
    "retention": "Retention",
    "limits": "Limits",
    "traces": "Traces",
}
LASTING = (("", "never"), ("30", "after 30 days"), ("90", "after 90 days"), ("365", "after a year"))


async def show_own(visit: Visit) -> Response:
    """One's own password and log-ins."""
    return await _own(visit)


async def _own(visit: Visit, problem: str = "", status: int = 200) -> Response:
    has_password = visit.caller.kind == "user"
    sessions = (await visit.get("/api/sessions"))["sessions"] if has_password else []
    data = {"tab": "own", "sessions": sessions, "has_password": has_password, "problem": problem}
    return await visit.page("settings_own.html", data, status)


async def change_own(visit: Visit) -> Response:
    """Another password, or the end of log-ins."""
    form = await visit.form()
    match form.get("do"):
        case "password":
            if form.raw("password") != form.raw("repeated"):
                return await _own(visit, "The two new passwords differ.", 422)
            body = {"current": form.raw("current"), "password": form.raw("password")}
            try:
                await visit.send("PUT", "/api/session/password", body)
            except Refused as refused:
                if refused.status not in OF_THE_FORM:
                    raise
                return await _own(visit, refused.message, refused.status)
            visit.tell("The password is changed. Everywhere else you are logged out.")
        case "end":
            await _told(
                visit, "DELETE", f"/api/sessions/{form.get('session')}", None, "That log-in has ended."
            )
        case "end_all":
            await _told(visit, "DELETE", "/api/sessions", None, "Everywhere else you are logged out.")
    return visit.to("/settings")


async def show_users(visit: Visit) -> Response:
    """Who may log in, and as what."""
    return await _users(visit)


async def _users(visit: Visit, entered: Mapping[str, str] | None = None, problem: str = "") -> Response:
    data = {
        "tab": "users",
        **(await visit.get("/api/users")),
        "roles": list(ROLES),
        "entered": entered or {"name": "", "role": "viewer"},
        "problem": problem,
    }
    return await visit.page("settings_users.html", data, 422 if problem else 200)


async def change_users(visit: Visit) -> Response:
    """Let somebody in, change what they may, or let them go."""
    form = await visit.form()
    name, role = form.get("name"), form.get("role")
    path = f"/api/users/{name}"
    match form.get("do"):
        case "add":
            body = {"name": name, "role": role, "password": form.raw("password")}
            try:
                await visit.send("POST", "/api/users", body)
            except Refused as refused:
                if refused.status not in OF_THE_FORM:
                    raise
                return await _users(visit, {"name": name, "role": role}, refused.message)
            visit.tell(f"{name} may log in as {role}. Tell them the password in private; they can change it.")
        case "role":
            await _told(visit, "PUT", path, {"role": role}, f"{name} is {role} now, and has to log in again.")
        case "password":
            body = {"password": form.raw("password")}
            await _told(visit, "PUT", path, body, f"{name} has another password, and has to log in again.")
        case "disable":
            await _told(visit, "PUT", path, {"enabled": False}, f"{name} cannot log in any more.")
        case "enable":
            await _told(visit, "PUT", path, {"enabled": True}, f"{name} may log in again.")
        case "remove":
            await _told(visit, "DELETE", path, None, f"{name} is removed.")
    return visit.to("/settings/users")


async def show_tokens(visit: Visit) -> Response:
    """Which programs may ask the API, and as what."""
    return await _tokens(visit)


async def _tokens(
    visit: Visit,
    made: Mapping[str, Any] | None = None,
    entered: Mapping[str, str] | None = None,
    problem: str = "",
) -> Response:
    data = {
        "tab": "tokens",
        **(await visit.get("/api/tokens")),
        "roles": list(ROLES),
        "lasting": LASTING,
        "made": made,
        "entered": entered or {"name": "", "role": "viewer", "days": "90"},
        "problem": problem,
    }
    return await visit.page("settings_tokens.html", data, 422 if problem else 201 if made else 200)


async def change_tokens(visit: Visit) -> Response:
    """Make a token, which is shown once, or remove one."""
    form = await visit.form()
    name = form.get("name")
    if form.get("do") != "add":
        await _told(
            visit, "DELETE", f"/api/tokens/{name}", None, f"The token {name} is removed: it is refused now."
        )
        return visit.to("/settings/tokens")
    entered = {"name": name, "role": form.get("role"), "days": form.get("days")}
    days = float(entered["days"]) if entered["days"] in dict(LASTING) and entered["days"] else None
    body = {"name": name, "role": entered["role"], "expires_in_days": days}
    try:
        made = (await visit.send("POST", "/api/tokens", body)).content
    except Refused as refused:
        if refused.status not in OF_THE_FORM:
            raise
        return await _tokens(visit, entered=entered, problem=refused.message)
    return await _tokens(visit, made=made)


async def show_server(visit: Visit) -> Response:
    """Who is told when something is wrong, for how long what is kept, when senders are asked to wait."""
    return await _server(visit)


async def _server(visit: Visit, section: str = "", refused: Refused | None = None) -> Response:
    shown = []
    form = await visit.form() if refused is not None else None
    for one in (await visit.get("/api/server"))["sections"]:
        at_fault = refused if one["section"] == section else None
        problems = at_fault.more.get("places", []) if at_fault is not None else one["problems"]
        placed = [{**told, "place": f"{one['section']}.{told['place']}"} for told in problems]
        entered = form if at_fault is not None else None
        found = controls(
            _titled(one["inputs"]), one["settings"], form=entered, problems=placed, place=one["section"]
        )
        message = " ".join([at_fault.message, *_elsewhere(at_fault)]) if at_fault is not None else ""
        shown.append({**one, "title": TITLES[one["section"]], "controls": found, "message": message})
    data = {"tab": "server", "sections": shown, "may_change": visit.may(ADMIN)}
    return await visit.page("settings_server.html", data, refused.status if refused is not None else 200)


def _titled(inputs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """With names as people write them."""
    return [
        {**one, "title": one["title"].replace("_", " ").capitalize(), "inputs": _titled(one["inputs"])}
        for one in inputs
    ]


def _elsewhere(refused: Refused) -> list[str]:
    """Problems that stand beside no input."""
    return [] if refused.more.get("places") else list(refused.more.get("problems", ()))


async def change_server(visit: Visit) -> Response:
    """Change a section, or set nothing in it any more."""
    form = await visit.form()
    section = form.get("section")
    title = TITLES.get(section, section)
    path = f"/api/server/{quote(section, safe='')}"
    if form.get("do") == "reset":
        await _told(visit, "DELETE", path, None, f"{title}: the defaults hold again.")
        return visit.to("/settings/server")
    sections = (await visit.get("/api/server"))["sections"]
    found = next((one for one in sections if one["section"] == section), None)
    body = sent(found["inputs"], form, found["settings"], section) if found is not None else {}
    try:
        await visit.send("PUT", path, body)
    except Refused as refused:
        if refused.status not in OF_THE_FORM or found is None:
            raise
        return await _server(visit, section, refused)
    visit.tell(f"{title}: saved, and in force within seconds.")
    return visit.to("/settings/server")


async def show_audit(visit: Visit) -> Response:
    """Who did what, the newest first."""
    asked = {name: visit.query(name) for name in ("actor", "action", "outcome", "since")}
    try:
        found = await visit.get("/api/audit", **asked, before=visit.query("before"), limit=50)
        problem = ""
    except Refused as refused:
        if refused.status not in (400, 422):
            raise
        found, problem = {"entries": [], "next": None}, refused.message
    data = {"tab": "audit", **found, "asked": asked, "outcomes": OUTCOMES, "problem": problem}
    return await visit.page("settings_audit.html", data, 422 if problem else 200)


async def show_configuration(visit: Visit) -> Response:
    """How to keep what is set here, and to go on with it elsewhere."""
    configured = await visit.get("/api/configuration")
    types = {one["type"] for one in configured["destinations"]}
    inputs = {kind: (await visit.get(f"/api/catalog/{kind}"))["settings"] for kind in sorted(types)}
    references = dict(_references(configured, inputs))
    return await visit.page("settings_configuration.html", {"tab": "configuration", "references": references})


def _references(
    configured: Mapping[str, Any], inputs: Mapping[str, Iterable[Mapping[str, Any]]]
) -> Iterator[tuple[str, str]]:
    """The variables that the file refers to, in its order, and what each is to hold."""
    for source in configured["sources"]:
        for name in _named_in(source):
            yield name, f"The write key of {source['name']}: what its SDKs send. Take theirs, or make one up."
    for one in configured["destinations"]:
        known = {made["name"]: made for made in inputs[one["type"]]}
        for key, value in one["settings"].items():
            made = known.get(key, {"title": key, "help": ""})
            for name in _named_in(value):
                yield name, f"{made['title']} of {one['name']}. {made['help']}"
    for name in _named_in({key: part for key, part in configured.items() if key not in OF_CONNECTIONS}):
        yield name, ""


def _named_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return REFERENCE.findall(value)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [name for one in inner for name in _named_in(one)]


async def download_configuration(visit: Visit) -> Response:
    """The configuration in force as a file, secrets as references."""
    told = await visit.api.ask("GET", "/api/configuration", accept=YAML)
    named = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"'}
    return Response(told.body, headers={**HEADERS, **named}, media_type=YAML)


async def _told(visit: Visit, method: str, path: str, body: Any, done: str) -> None:
    """Do it, and have the next page say that it is done or why not."""
    try:
        await visit.send(method, path, body)
    except Refused as refused:
        if refused.status not in OF_THE_FORM:
            raise
        visit.tell(refused.message, "danger")
    else:
        visit.tell(done)


SETTINGS = Room(
    {
        "/settings": {"GET": show_own, "POST": change_own},
        "/settings/users": {"GET": show_users, "POST": change_users},
        "/settings/tokens": {"GET": show_tokens, "POST": change_tokens},
        "/settings/server": {"GET": show_server, "POST": change_server},
        "/settings/configuration": {"GET": show_configuration},
        f"/settings/configuration/{FILE_NAME}": {"GET": download_configuration},
        "/settings/audit": {"GET": show_audit},
    },
    "Settings",
    "/settings",
    "settings",
)
