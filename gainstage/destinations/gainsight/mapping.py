"""From event to operation: the message goes as a whole, nothing is taken apart."""

from typing import Any

from gainstage.destination import Planned
from gainstage.destinations.gainsight.settings import ClickstreamSettings
from gainstage.event import Event, Identity
from gainstage.operation import Append, Record
from gainstage.outcome import Filtered
from gainstage.schema import Schema


def plan(
    settings: ClickstreamSettings, event: Event, identity: Identity, schema: Schema | None = None
) -> Planned:
    """One call an event, in the lane of its user.

    Segment's own destination filters track calls by name, case-sensitively, and passes identify and group
    regardless [documented by Segment and its client's code].
    """
    if event.kind not in ("identify", "group", "track"):
        return Planned(Filtered("type_unsupported", f"The clickstream endpoint takes no {event.kind} calls."))
    message = event.message
    if event.kind == "track":
        if settings.track_events and event.name not in settings.track_events:
            return Planned(Filtered("event_not_listed", unlisted(settings.track_events, event.name)))
        if settings.remember_account and identity.account:
            message = with_account(message, identity.account)
    return Planned((Append(Record("user", event.person_id), message),))


def unlisted(listed: tuple[str, ...], name: str) -> str:
    """That a name is not listed, and the one that was probably meant."""
    sentence = f"`track_events` does not list {name!r}"
    plain = " ".join(name.casefold().split())
    meant = next((one for one in listed if " ".join(one.casefold().split()) == plain), None)
    return (
        f"{sentence}."
        if meant is None
        else f"{sentence}; it has {meant!r}, and letter case and blanks count."
    )


def with_account(message: dict[str, Any], account: str) -> dict[str, Any]:
    """The message with the remembered account as a property, unless it names one itself."""
    properties = message.get("properties")
    if not isinstance(properties, dict):
        properties = {}
    if properties.get("accountId") not in (None, ""):
        return message
    return {**message, "properties": {**properties, "accountId": account}}
