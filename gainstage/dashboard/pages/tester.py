"""The tester: one event, the exact requests that it would lead to, and the event sent for real."""

from typing import Any

import msgspec
from starlette.responses import Response

from gainstage.dashboard.asking import Refused
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit

EMAIL = "ada@example.com"
#: Events to begin with, by type.
SAMPLES: dict[str, dict[str, Any]] = {
    "identify": {"userId": "u-1", "traits": {"email": EMAIL, "name": "Ada Lovelace"}},
    "group": {
        "userId": "u-1",
        "groupId": "acme-42",
        "traits": {"name": "Acme", "plan": "gold"},
        "context": {"traits": {"email": EMAIL}},
    },
    "track": {
        "userId": "u-1",
        "event": "Report Exported",
        "properties": {"format": "pdf", "pages": 12},
        "context": {"groupId": "acme-42", "traits": {"email": EMAIL}},
    },
    "page": {"userId": "u-1", "name": "Pricing", "properties": {"url": "https://www.example.com/pricing"}},
    "screen": {"userId": "u-1", "name": "Home", "properties": {"variation": "blue"}},
    "alias": {"userId": "u-1", "previousId": "visitor-7"},
}
#: What the server fills in by itself: an event that was received is tried as its sender made it.
FILLED_IN = ("messageId", "receivedAt")


async def show_tester(visit: Visit) -> Response:
    """The form, with an event that was received where one is named."""
    source, asked = visit.query("source"), visit.query("sample")
    kind = asked if asked in SAMPLES else next(iter(SAMPLES))
    message = {"type": kind, **SAMPLES[kind]}
    if message_id := visit.query("event"):
        found = await visit.get(f"/api/events/{message_id}", source=source)
        source = found["source"]
        if isinstance(found["event"], dict):
            message = {name: value for name, value in found["event"].items() if name not in FILLED_IN}
    return await _page(visit, source, msgspec.json.format(msgspec.json.encode(message)).decode())


async def use_tester(visit: Visit) -> Response:
    """What each destination would be sent; or the event sent, and its life."""
    form = await visit.form()
    source, text = form.get("source"), form.raw("message")
    try:
        message = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return await _page(visit, source, text, problem=f"This is no JSON: {error}.", status=422)
    asked = {"source": source, "message": message}
    try:
        if form.get("do") == "send":
            sent = (await visit.send("POST", "/api/test/send", asked)).content
            visit.tell("The event was accepted: it goes where its source leads.")
            return visit.to(f"/events/{sent['message_id']}", source=sent["source"], sent="yes")
        tried = (await visit.send("POST", "/api/test", asked)).content
    except Refused as refused:
        if refused.status not in (400, 404, 422):
            raise
        return await _page(visit, source, text, problem=refused.message, status=refused.status)
    return await _page(visit, source, text, tried)


async def _page(
    visit: Visit, source: str, text: str, tried: Any = None, *, problem: str = "", status: int = 200
) -> Response:
    configured = await visit.get("/api/configuration")
    data = {
        "sources": [one["name"] for one in configured["sources"]],
        "source": source,
        "text": text,
        "tried": tried,
        "event_name": _name(text) if tried is not None else "",
        "problem": problem,
        "samples": list(SAMPLES),
    }
    return await visit.page("tester.html", data, status)


def _name(text: str) -> str:
    message = msgspec.json.decode(text)
    name = message.get("event") if isinstance(message, dict) else None
    return name if isinstance(name, str) else ""


TESTER = Room({"/tester": {"GET": show_tester, "POST": use_tester}}, "Tester", "/tester", "flask")
