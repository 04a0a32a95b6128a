"""What a change of a destination would make of the events that came last, difference by difference.

Nothing is sent, nothing is put in force, and nothing is kept.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gainstage.app.amending import put, refuse
from gainstage.app.configuring import Permit, stored_documents
from gainstage.app.connecting import KIND, amended, known
from gainstage.app.fields import held_against, kept
from gainstage.app.folder import opened_store
from gainstage.app.moments import iso
from gainstage.app.newest import LOOKED_AT, Seen, newest
from gainstage.app.previewing import planned
from gainstage.configuration import changes_between, resolve
from gainstage.connection import Connected
from gainstage.delivery import identity as memory
from gainstage.delivery.destinations import Active
from gainstage.event import Identity
from gainstage.schema import Schema
from gainstage.store.reading import Reading
from gainstage.store.rows import DestinationRow
from gainstage.store.store import Store

EVENTS = 200
#: Events whose differences are told one by one; all are counted.
TOLD = 100
#: The outcome where the settings in force cannot be used.
UNUSABLE = {"outcome": "blocked", "reason": "configuration_invalid", "detail": "", "requests": []}

_identity = msgspec.json.Decoder(Identity)


def preview_change(
    data: Path, name: str, given: Mapping[str, Any], permit: Permit, limit: int = EVENTS
) -> dict[str, Any]:
    """The newest events of a destination's sources under the settings in force, and with a change of them.

    What is given is as for `change_destination`; with nothing given all is told as it is in force. A
    destination that is switched off, so that nothing of it is in force, is compared with nothing. `findings`
    is what then does not go with the tenant's fields.

    Raises:
        UnknownName: there is no such destination.
        ConfigurationError: it could not be used so.
        UsageError: `permit` refuses, or the data folder cannot be used.
    """
    documents = stored_documents(data)
    document = known(documents, name)
    made = amended(document, given)
    permit(changes_between([document], [made]))
    before = resolve(documents, os.environ, lenient=True)
    after = resolve(put(documents, made), os.environ, lenient=True)
    standing = {str(one) for one in before.problems}
    refuse(KIND, name, [one for one in after.problems if str(one) not in standing])
    changed = after.configuration.destinations[name]
    refuse(KIND, name, [one for one in after.problems if changed.problem is not None])
    lately = newest(data, changed.sources, changed.type.kinds, limit)
    with opened_store(data) as store:
        schema = kept(store, changed)
        with store.reading() as reading:
            known_of = [_identified(reading, one) for one in lately.events]
    compared = list(
        _compared(before.configuration.destinations[name], changed, schema, lately.events, known_of)
    )
    differing = [one for one in reversed(compared) if one["differs"]]
    return {
        "events": len(compared),
        "differing": len(differing),
        "looked_at": lately.looked_at,
        "looked_at_most": LOOKED_AT,
        "since": iso(lately.events[-1].event.received_us) if lately.events else None,
        "outcomes": _outcomes(compared),
        "fields": _fields(compared),
        "differences": [
            {key: value for key, value in one.items() if key != "differs"} for one in differing[:TOLD]
        ],
        "left_out": max(0, len(differing) - TOLD),
        "findings": held_against(changed, schema),
    }


def _identified(reading: Reading, one: Seen) -> Identity | None:
    """What was resolved of the event's user when it was routed; None if that is not known."""
    rows = [row for row in reading.events(one.event.message_id) if row["source"] == one.source]
    return _identity.decode(rows[-1]["identity"]) if rows and rows[-1]["identity"] else None


def _compared(
    before: Connected,
    after: Connected,
    schema: Schema | None,
    events: Sequence[Seen],
    known_of: Sequence[Identity | None],
) -> Iterator[dict[str, Any]]:
    """Each event by itself, the oldest first, so that users are remembered as they were."""
    old = _active(before, schema) if before.settings is not None and before.enabled else None
    new = _active(after, schema)
    with Store.passing() as transaction:
        for (source, event), identity in zip(reversed(events), reversed(known_of), strict=True):
            resolved = identity or memory.resolve(transaction.intake, event)
            memory.learn(transaction.intake, event)
            then = planned(old, event, resolved, writes_only=True) if old is not None else _nothing(before)
            now = planned(new, event, resolved, writes_only=True)
            requests = differences(then["requests"], now["requests"])
            verdicts = [{key: one[key] for key in ("outcome", "reason", "detail")} for one in (then, now)]
            yield {
                "message_id": event.message_id,
                "source": source,
                "received_at": iso(event.received_us),
                "type": event.kind,
                "event": event.name or None,
                "user": event.person_id,
                "before": verdicts[0],
                "after": verdicts[1],
                "requests": requests,
                "differs": bool(requests) or verdicts[0] != verdicts[1],
            }


def _active(connected: Connected, schema: Schema | None) -> Active:
    return Active(connected, DestinationRow(0, connected.name), 0, schema)


def _nothing(connected: Connected) -> dict[str, Any]:
    """What becomes of an event where nothing is in force."""
    if connected.settings is None:
        return {**UNUSABLE, "detail": connected.problem.detail if connected.problem else ""}
    return {"outcome": "disabled", "reason": "", "detail": "", "requests": []}


def differences(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What of an event's requests is added, removed or changed, by method and address, in their order."""
    left = [*before]
    found: list[dict[str, Any]] = []
    for request in after:
        same = next((one for one in left if _place(one) == _place(request)), None)
        if same is None:
            found.append(_told("added", request, list(_values({}, _flat(request)))))
            continue
        left.remove(same)
        values = list(_values(_flat(same), _flat(request)))
        if values:
            found.append(_told("changed", request, values))
    return [*found, *(_told("removed", one, list(_values(_flat(one), {}))) for one in left)]


def _place(request: Mapping[str, Any]) -> tuple[str, str]:
    return request["method"], request["url"]


def _told(change: str, request: Mapping[str, Any], values: list[dict[str, Any]]) -> dict[str, Any]:
    return {"change": change, "method": request["method"], "url": request["url"], "values": values}


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for place in {**before, **after}:
        old, new = before.get(place), after.get(place)
        if place not in before:
            yield {"place": place, "change": "added", "before": None, "after": new}
        elif place not in after:
            yield {"place": place, "change": "removed", "before": old, "after": None}
        elif old != new:
            yield {"place": place, "change": "changed", "before": old, "after": new}


def _flat(request: Mapping[str, Any]) -> dict[str, Any]:
    """Every value of a request by its place: fields of the body as they are called, headers as such."""
    found = {f"header {name}": value for name, value in request.get("headers", {}).items()}
    found.update(_leaves(request.get("body"), ""))
    return found


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{index}]")
    elif value is not None or place:
        yield place or "body", value


def _outcomes(compared: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How many events had which outcome before and have which after."""
    counts = Counter(
        (one["before"]["outcome"], one["before"]["reason"], one["after"]["outcome"], one["after"]["reason"])
        for one in compared
    )
    names = ("before", "before_reason", "after", "after_reason")
    return [{**dict(zip(names, pair, strict=True)), "events": n} for pair, n in counts.most_common()]


def _fields(compared: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """In how many events a place of the requests is added, removed or changed."""
    counts: dict[str, Counter[str]] = {}
    for one in compared:
        met = {
            (value["place"], value["change"]) for request in one["requests"] for value in request["values"]
        }
        for place, change in met:
            counts.setdefault(place, Counter())[change] += 1
    return [
        {"place": place, **{change: n[change] for change in ("added", "removed", "changed")}}
        for place, n in sorted(counts.items(), key=lambda pair: (-pair[1].total(), pair[0]))
    ]
