"""What must be true of the custom events that PX received: each is there, in order, and says what it must."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tests.properties.outcomes import DELIVERED, Ended, Key
from tests.properties.px.case import Case
from tests.properties.px.reading import Heard
from tests.properties.transport import expect
from tests.properties.world import Tenancy


def judge_events(
    tenancy: Tenancy, case: Case, all_heard: Sequence[Heard], ended: Mapping[Key, Mapping[str, Ended]]
) -> None:
    """Raise Broken where an event is missing, came uncalled for, out of order, or says something else."""
    received: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for event in tenancy.sandbox.px.events:
        received[event["globalContext"]["to"], event["attributes"]["seq"]].append(event)
    # Where PX tells events by their id it keeps one of those that two destinations publish of a message.
    kept = {seq for _, seq in received} if case.switches.get("px_event_id") == "deduplicate" else set()
    for heard in all_heard:
        for name, one in ended[heard.key].items():
            receipts = received.pop((name, heard.said.message_id), [])
            shown = f"{heard.said.message_id} at {name}"
            wanted = one.word == DELIVERED and bool(heard.said.event) and heard.person not in case.denied
            there = bool(receipts) or heard.said.message_id in kept
            expect(there or not wanted, f"{shown} was delivered and never received")
            lost = may_have_been_lost(tenancy, case, heard, f"{name} {heard.said.message_id}")
            expect(not receipts or wanted or lost, f"{shown} was received and does not count as delivered")
            for receipt in receipts:
                content = {k: v for k, v in receipt.items() if k not in ("eventId", "eventType")}
                should = content_of(case, heard, name)
                expect(content == should, f"{shown} was received as {content} and not as {should}")
    expect(not received, f"nobody sent {list(received)}")
    judge_order(tenancy, {heard.said.message_id: heard for heard in all_heard})


def may_have_been_lost(tenancy: Tenancy, case: Case, heard: Heard, published: str) -> bool:
    """Whether an event arrived by calls that did not say so, before others deleted its user.

    Repeated after that, PX may refuse it: nobody can tell that it was there before.
    """
    ended = {one.ended for one in tenancy.transport.attempts if one.message_id == published}
    refusing = case.switches.get("px_event_unknown_user") == "reject"
    return refusing and ("user", heard.person) in case.gone and "yes" not in ended


def judge_order(tenancy: Tenancy, by_id: Mapping[str, Heard]) -> None:
    """The events of a user arrive in the order in which they came."""
    last: dict[tuple[str, str], Heard] = {}
    firsts = dict.fromkeys(
        (event["globalContext"]["to"], event["attributes"]["seq"]) for event in tenancy.sandbox.px.events
    )
    for name, message_id in firsts:
        heard = by_id[message_id]
        before = last.get((name, heard.person))
        sentence = f"{message_id} arrived after a later event of {heard.person!r}"
        expect(before is None or before.index < heard.index, sentence)
        last[name, heard.person] = heard


def content_of(case: Case, heard: Heard, name: str) -> dict[str, Any]:
    """What PX is to hold of an event."""
    said, tag = heard.said, case.first["product_tag_key"]
    properties, context = said.event["properties"], said.body.get("context", {})
    page = context.get("page", {})
    attributes = {name: plain(value) for name, value in properties.items() if value is not None}
    if said.kind != "track" and "name" in said.event:
        attributes["name"] = said.event["name"]
    dated = {"2026-01-02T03:04:05Z": 1_767_323_045_000}
    content = {
        "eventName": said.event.get("event", "") if said.kind == "track" else f"Viewed {said.kind.title()}",
        "identifyId": heard.person,
        "propertyKey": tag if isinstance(tag, str) else tag[0],
        "userType": "USER",
        "date": dated.get(properties.get("date", ""), heard.time_us // 1000),
        "attributes": attributes,
        "globalContext": {"to": name},
        "accountId": context.get("groupId"),
        "sessionId": "7" if "sessionId" in context else None,
        "url": page.get("url"),
        "referrer": page.get("referrer"),
    }
    return {name: value for name, value in content.items() if value is not None}


def plain(value: Any) -> Any:
    """Objects and lists as text."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value
