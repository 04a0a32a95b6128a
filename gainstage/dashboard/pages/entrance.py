"""Logging in and out, the first admin, and how pages look."""

from starlette.responses import Response

from gainstage.dashboard.asking import Refused
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import THEME_COOKIE, THEMES, Visit

#: A year: until somebody chooses again.
THEME_SECONDS = 365 * 86_400


async def show_log_in(visit: Visit) -> Response:
    """The form; on a server without users, that of the first admin."""
    if (await visit.get("/api/setup"))["needed"]:
        return visit.to("/setup")
    return await visit.page("log_in.html", {"name": "", "problem": "", "back": visit.query("back")})


async def log_in(visit: Visit) -> Response:
    """A session, and the page that was asked for."""
    form = await visit.form()
    name, back = form.get("name"), form.get("back")
    try:
        await visit.send("POST", "/api/session", {"name": name, "password": form.raw("password")})
    except Refused as refused:
        return await visit.page(
            "log_in.html", {"name": name, "problem": refused.message, "back": back}, refused.status
        )
    return visit.to(back if _is_ours(back) else "/overview")


async def log_out(visit: Visit) -> Response:
    """The end of the session."""
    await visit.send("DELETE", "/api/session")
    visit.tell("You are logged out.")
    return visit.to("/login")


async def show_set_up(visit: Visit) -> Response:
    """The form that makes the first admin."""
    if not (await visit.get("/api/setup"))["needed"]:
        return visit.to("/login")
    return await visit.page("set_up.html", {"token": visit.query("token"), "name": "", "problem": ""})


async def set_up(visit: Visit) -> Response:
    """The first admin, who is logged in by that."""
    form = await visit.form()
    token, name, password = form.get("token"), form.get("name"), form.raw("password")
    data = {"token": token, "name": name, "problem": ""}
    if password != form.raw("repeated"):
        return await visit.page("set_up.html", {**data, "problem": "The two passwords differ."}, 422)
    try:
        await visit.send("POST", "/api/setup", {"token": token, "name": name, "password": password})
    except Refused as refused:
        return await visit.page("set_up.html", {**data, "problem": refused.message}, refused.status)
    return visit.to("/overview")


async def choose_theme(visit: Visit) -> Response:
    """Light, dark, or as the system has it."""
    form = await visit.form()
    theme, back = form.get("theme"), form.get("back")
    answer = visit.to(back if _is_ours(back) else "/overview")
    path = visit.root or "/"
    if theme in THEMES:
        answer.set_cookie(
            THEME_COOKIE, theme, max_age=THEME_SECONDS, path=path, httponly=True, samesite="lax"
        )
    else:
        answer.delete_cookie(THEME_COOKIE, path=path)
    return answer


def _is_ours(back: str) -> bool:
    """Whether it is a path of this server: `//host` and `/\\host` are others."""
    return back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()


ENTRANCE = Room(
    {
        "/login": {"GET": show_log_in, "POST": log_in},
        "/setup": {"GET": show_set_up, "POST": set_up},
        "/logout": {"POST": log_out},
        "/theme": {"POST": choose_theme},
    },
    open_to_all=frozenset({"/login", "/setup", "/theme"}),
)
