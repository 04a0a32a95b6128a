"""The first steps: a sandbox as destination, a source, a test event, and the moment when it arrives."""

import contextlib
from typing import Any

from starlette.responses import Response

from gainstage.dashboard.asking import Refused
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit

#: What is made. Who has one of such a name already tries it with that.
SOURCE, DESTINATION = "test", "sandbox"
EMAIL = "ada@example.com"
#: The sandbox takes any access key.
ACCESS_KEY = "sandbox-access-key"


async def show_welcome(visit: Visit) -> Response:
    """How far somebody has come."""
    return await _welcome(visit)


async def _welcome(visit: Visit, problem: str = "", email: str = EMAIL) -> Response:
    message_id = visit.query("event")
    sandbox = await visit.get("/api/sandbox")
    is_made = await _is_there(visit, f"/api/destinations/{DESTINATION}") and await _is_there(
        visit, f"/api/sources/{SOURCE}"
    )
    data = {
        "sandbox": sandbox["address"],
        "is_made": is_made and sandbox["address"] is not None,
        "message_id": message_id,
        "event": await _event(visit, message_id) if message_id else None,
        "source": SOURCE,
        "destination": DESTINATION,
        "email": email,
        "problem": problem,
    }
    return await visit.page("welcome.html", data, 422 if problem else 200)


async def take_step(visit: Visit) -> Response:
    """Make what is needed, or send the event."""
    form = await visit.form()
    email = form.get("email") or EMAIL
    try:
        if form.get("do") == "make":
            await _make(visit)
            return visit.to("/welcome")
        message: dict[str, Any] = {"type": "identify", "userId": "first-user"}
        message["traits"] = {"email": email, "name": "Ada Lovelace"}
        body = {"source": SOURCE, "message": message}
        sent = (await visit.send("POST", "/api/test/send", body)).content
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        problems = "; ".join(str(one) for one in refused.more.get("problems", ()))
        return await _welcome(visit, f"{refused.message} {problems}".strip(), email)
    return visit.to("/welcome", event=sent["message_id"])


async def _make(visit: Visit) -> None:
    """The sandbox, a source and a destination that leads there; what is there already stays."""
    address = (await visit.send("POST", "/api/sandbox")).content["address"]
    if not await _is_there(visit, f"/api/sources/{SOURCE}"):
        await visit.send("POST", "/api/sources", {"name": SOURCE, "kind": "server"})
    settings = {"domain": "sandbox.gainsightcloud.com", "access_key": ACCESS_KEY, "api_url": address}
    if await _is_there(visit, f"/api/destinations/{DESTINATION}"):
        # It may have led to a sandbox of before, on another port.
        with contextlib.suppress(Refused):
            await visit.send("PUT", f"/api/destinations/{DESTINATION}", {"settings": {"api_url": address}})
    else:
        made = {"name": DESTINATION, "type": "gainsight_cs", "sources": [SOURCE], "settings": settings}
        await visit.send("POST", "/api/destinations", made)


async def _is_there(visit: Visit, path: str) -> bool:
    try:
        await visit.get(path)
    except Refused as refused:
        if refused.status != 404:
            raise
        return False
    return True


async def _event(visit: Visit, message_id: str) -> dict[str, Any]:
    """What became of the event at the sandbox; nothing is known of it for a moment."""
    try:
        found = await visit.get(f"/api/events/{message_id}")
    except Refused as refused:
        if refused.status != 404:
            raise
        found = {"destinations": []}
    rows = [one for one in found["destinations"] if one["destination"] in (DESTINATION, None)]
    row = rows[0] if rows else {"outcome": "pending", "reason": "", "detail": "", "attempts": []}
    return {**row, "is_over": row["outcome"] != "pending"}


WELCOME = Room({"/welcome": {"GET": show_welcome, "POST": take_step}}, role="admin")
