"""Events: the newest, live and by filters; and one event's whole life, with what can be done about it."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from starlette.responses import Response

from gainstage.computed import COMPUTED_SOURCE, source_shown
from gainstage.dashboard.asking import Refused
from gainstage.dashboard.correcting import corrected, refilled, sheet
from gainstage.dashboard.forms import Form
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit
from gainstage.event import KINDS
from gainstage.reason import REASONS

#: Looked for by whatever it looks like.
PERSON = "person"
#: What a search may be by, as the API calls it and as people do.
SEARCHES = {
    PERSON: "Person (e-mail or id)",
    "user_id": "User id or anonymous id",
    "email": "E-mail",
    "company": "Company or account",
    "event": "Event name",
    "message_id": "Message id",
}
OUTCOMES = ("delivered", "filtered", "failed", "parked", "pending", "refused")
PERIODS = (("1h", "Last hour"), ("24h", "Last 24 hours"), ("7d", "Last 7 days"), ("30d", "Last 30 days"))
PLAIN = ("type", "source", "destination", "outcome", "reason", "since", "until")
ROWS = 50


async def show_events(visit: Visit) -> Response:
    """The newest events that fit. A page that is open asks for them again and again: it is told only what
    changed.
    """
    filters = _filters(visit)
    found = await visit.get("/api/events", **filters, before=visit.query("before"), limit=ROWS)
    live = visit.query("live") != "off" and not visit.query("before")
    state = blake2b(msgspec.json.encode([found["events"], found["unrouted"]]), digest_size=8).hexdigest()
    data = {**found, "filters": filters, "live": live, "state": state, "before": visit.query("before")}
    if visit.is_partial and not visit.wants_json:
        if visit.query("state") == state:
            return Response(None, 204)
        return await visit.page("events_list.html", data)
    if not visit.wants_json:
        data |= await _choices(visit, filters)
    return await visit.page("events.html", data)


def _filters(visit: Visit) -> dict[str, str]:
    """The filters of the address: a search, or any that the API has."""
    known = (name for name in (*SEARCHES, *PLAIN) if name != PERSON)
    found = {name: visit.query(name) for name in known if visit.query(name)}
    by, text = visit.query("by"), visit.query("q")
    if by == PERSON:
        by = "email" if "@" in text else "user_id"
    return {**found, by: text} if by in SEARCHES and text else found


async def _choices(visit: Visit, filters: Mapping[str, str]) -> dict[str, Any]:
    """What the form of the filters offers, and what it holds."""
    configured = await visit.get("/api/configuration")
    by = next((name for name in SEARCHES if name in filters), PERSON)
    return {
        "sources": with_audiences([one["name"] for one in configured["sources"]]),
        "destinations": [one["name"] for one in configured["destinations"]],
        "searches": list(SEARCHES.items()),
        "by": by,
        "q": filters.get(by, ""),
        "outcomes": OUTCOMES,
        "kinds": KINDS,
        "periods": PERIODS,
        "reasons": _reasons(),
    }


def with_audiences(names: Sequence[str]) -> list[tuple[str, str]]:
    """Sources, and what stands for one where audiences tell something."""
    return [(name, source_shown(name)) for name in (*names, COMPUTED_SOURCE)]


def _reasons() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every reason by its title, under the outcome that it is one of."""
    return [
        (
            word.capitalize(),
            sorted(
                ((code, reason.title) for code, reason in REASONS.items() if reason.word == word),
                key=lambda pair: pair[1].casefold(),
            ),
        )
        for word in dict.fromkeys(reason.word for reason in REASONS.values())
    ]


async def show_event(visit: Visit) -> Response:
    """One event's life."""
    return await _event(visit)


async def _event(
    visit: Visit, problem: str = "", text: str = "", status: int = 200, form: Form | None = None
) -> Response:
    """`text`, or `form`, is what was sent to correct it."""
    message_id, source = visit.path("message_id"), visit.query("source")
    try:
        found = await visit.get(f"/api/events/{message_id}", source=source)
    except Refused as refused:
        if refused.code != "event_unknown" or not visit.query("sent"):
            raise
        data = {"message_id": message_id, "waits": True}
        return await visit.page("event_waiting.html", data)
    data = {
        "event": found,
        "known": list(_known(found["event"], found["resolved"])),
        "others": list(_others(visit, found["resolved"])),
        "planned": await _planned(visit, found),
        "problem": problem,
        "sheet": refilled(sheet(found["event"]), form),
        "as_json": bool(text),
        "text": text or (msgspec.json.format(msgspec.json.encode(found["event"])).decode()),
        "is_dead": any(one["outcome"] in ("failed", "parked") for one in found["destinations"]),
        "may_retry": any(
            one["destination"] and one["outcome"] in ("failed", "parked") for one in found["destinations"]
        ),
        # What was just sent, or tried again, is looked at once more in any case.
        "is_moving": any(one["outcome"] == "pending" for one in found["destinations"])
        or bool(visit.query("sent")),
        "reasons": {
            one["reason"]: REASONS[one["reason"]]._asdict()
            for one in found["destinations"]
            if one["reason"] in REASONS
        },
    }
    return await visit.page("event.html", data, status)


def _known(message: Any, resolved: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What earlier events told of its person, where it says nothing of that itself."""
    said = message if isinstance(message, dict) else {}
    context = said.get("context")
    traits = [said.get("traits"), context.get("traits") if isinstance(context, dict) else None]
    emails = [one.get("email") for one in traits if isinstance(one, dict)]
    own = {"user_id": said.get("userId"), "email": any(emails), "account": said.get("groupId")}
    for name, label in (("user_id", "User"), ("email", "E-mail"), ("account", "Company")):
        if resolved.get(name) and not own[name]:
            yield label, resolved[name]


def _others(visit: Visit, resolved: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Where more events of the same person or company are."""
    by = "email" if resolved.get("email") else "user_id"
    if person := resolved.get(by):
        yield "of this person", visit.url("/events", **{by: person})
    if account := resolved.get("account"):
        yield "of this company", visit.url("/events", company=account)


async def _planned(visit: Visit, found: Mapping[str, Any]) -> list[Any]:
    """What today's mappings make of it; nothing where the message is kept no more."""
    if not isinstance(found["event"], dict):
        return []
    body = {"source": found["source"], "message": found["event"]}
    try:
        told = await visit.api.ask("POST", "/api/test", body, csrf=visit.caller.csrf)
    except Refused:  # its source was removed; or a link of another site led here
        return []
    planned: list[Any] = told.content["destinations"]
    return planned


async def change_event(visit: Visit) -> Response:
    """Try an event again, as it is or corrected."""
    form = await visit.form()
    message_id, source = visit.path("message_id"), form.get("source")
    if form.has("by_fields"):
        message = (await visit.get(f"/api/events/{message_id}", source=source))["event"]
        try:
            return await _correct(visit, corrected(message, form), form=form)
        except ValueError as error:
            return await _event(visit, str(error), status=422, form=form)
    if not form.has("message"):
        count = (await visit.send("POST", "/api/dead/retry", {"message_ids": [message_id]})).content[
            "retried"
        ]
        visit.tell("It is tried again now." if count else "Nothing of it is failed or parked any more.")
        return visit.to(f"/events/{message_id}", source=source, sent="yes")
    try:
        message = msgspec.json.decode(form.raw("message"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return await _event(visit, f"This is no JSON: {error}.", form.raw("message"), 422)
    return await _correct(visit, message, form.raw("message"))


async def _correct(visit: Visit, message: Any, text: str = "", form: Form | None = None) -> Response:
    message_id, source = visit.path("message_id"), (await visit.form()).get("source")
    asked = {"message_id": message_id, "message": message, **({"source": source} if source else {})}
    try:
        await visit.send("POST", "/api/dead/edit", asked)
    except Refused as refused:
        if refused.status not in (400, 422):
            raise
        return await _event(visit, refused.message, text, refused.status, form)
    visit.tell("It is corrected and tried again now.")
    return visit.to(f"/events/{message_id}", source=source, sent="yes")


EVENTS = Room(
    {
        "/events": {"GET": show_events},
        "/events/{message_id:path}": {"GET": show_event, "POST": change_event},
    },
    "Events",
    "/events",
    "list-search",
)
