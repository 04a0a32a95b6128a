"""Field tables of users, accounts and custom events, and the plan that follows from them. Pure.

Field names and types: PX API specification 0.1.6 [documented]. The specification calls some of them read-only
(createDate, lastSeenDate, numberOfVisits, numberOfUsers, lastModifiedDate); they are sent where an event has
them, as clients do in production [seen in clients], and left out of what PX refuses (`records`).
"""

from typing import Any

from gainstage.destination import Planned, refused
from gainstage.destinations.gainsight_px.fitting import read
from gainstage.destinations.gainsight_px.person_names import FIRST_NAME, LAST_NAME
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.event import Event, Identity
from gainstage.mapping import (
    Derived,
    Field,
    Mapping,
    UnfitError,
    boolean,
    epoch_ms,
    gender,
    number,
    plain,
    text,
)
from gainstage.operation import Append, Record, Upsert
from gainstage.outcome import Filtered, Rejected
from gainstage.schema import Schema


def filled(value: Any) -> str | None:
    """text that is not blank; numbers are written out, objects and lists as JSON text"""
    written = text(value)
    return written if written.strip() else None


def _location() -> tuple[Field, ...]:
    names = (
        ("countryName", "Country"),
        ("countryCode", "Country code"),
        ("stateName", "State"),
        ("stateCode", "State code"),
        ("city", "City"),
        ("street", "Street"),
        ("postalCode", "Postal code"),
        ("continent", "Continent"),
        ("regionName", "Region"),
        ("timeZone", "Time zone"),
    )
    axes = (("latitude", "Latitude"), ("longitude", "Longitude"))
    return (
        *(Field(f"location.{name}", f"traits.{name}", text, label=label) for name, label in names),
        *(
            Field(
                f"location.coordinates.{axis}",
                (f"traits.coordinates.{axis}", f"traits.{axis}"),
                number,
                label=label,
            )
            for axis, label in axes
        ),
    )


def _same(*names: str, convert: Any = text) -> tuple[Field, ...]:
    """Fields named as their traits."""
    return tuple(Field(name, f"traits.{name}", convert) for name in names)


USER = Mapping(
    on="identify",
    into="user",
    title="User",
    custom="user_attributes",
    custom_prefix="customAttributes.",
    fields=(
        Field("identifyId", required=True, label="userId, else anonymousId"),
        Field("type", label="always USER"),
        Field("propertyKeys", label="from the setting `product_tag_key`"),
        *_same("email", "accountId"),
        Field("firstName", FIRST_NAME, text),
        Field("lastName", LAST_NAME, text),
        Field("gender", "traits.gender", gender),
        *_same("lastSeenDate", "signUpDate", "firstVisitDate", convert=epoch_ms),
        *_same("title", "phone"),
        Field("score", "traits.score", number),
        *_same("role", "subscriptionId"),
        Field("numberOfVisits", "traits.numberOfVisits", number),
        Field("createDate", "traits.createDate", epoch_ms),
        Field("globalUnsubscribe", "traits.globalUnsubscribe", boolean),
        *_same("sfdcContactId"),
        *_location(),
    ),
)

ACCOUNT = Mapping(
    on="group",
    into="account",
    title="Account",
    custom="account_attributes",
    custom_prefix="customAttributes.",
    fields=(
        Field("id", required=True, label="groupId"),
        Field("propertyKeys", label="from the setting `product_tag_key`"),
        Field("name", "traits.name", filled, label="a new account without a name gets its id as name"),
        *_same("trackedSubscriptionId", "sfdcId", "dunsNumber", "industry"),
        Field("numberOfEmployees", "traits.numberOfEmployees", number),
        *_same("sicCode", "website", "naicsCode", "plan"),
        Field("numberOfUsers", "traits.numberOfUsers", number),
        *_same("parentGroupId"),
        *_same("createDate", "lastModifiedDate", "lastSeenDate", "renewalDate", convert=epoch_ms),
        Field("healthScore", "traits.healthScore", number),
        *_same("gsId"),
        Field("nps", "traits.nps", number),
        *_same("csm"),
        *_location(),
    ),
)


VIEWS = {"page": "Viewed Page", "screen": "Viewed Screen"}


def event_name(settings: PxSettings, event: Event) -> str:
    """The track's name. Page and screen calls share one name each, unless they may bring their own: PX keeps
    2,000 distinct names [documented].
    """
    if event.kind not in VIEWS:
        return event.name
    own = event.name if settings.view_names == "own" and event.name.strip() else ""
    return own or VIEWS[event.kind]


def event_date(event: Event) -> int:
    """`properties.date` where it can be read as a date, else the event's own time."""
    try:
        given = epoch_ms(event.properties.get("date"))
    except UnfitError:
        given = None
    return event.time_us // 1000 if given is None else given


def event_group(event: Event) -> Any:
    """The group that the event names itself."""
    traits = event.message.get("traits")
    own = traits.get("groupId") if isinstance(traits, dict) else None
    for group in (event.context.get("groupId"), own, event.context_traits.get("groupId")):
        if group not in (None, ""):
            return group
    return None


def event_attributes(event: Event) -> dict[str, Any]:
    """Properties without `globalContext` and nulls; objects and lists as JSON text."""
    attributes = {
        name: plain(value)
        for name, value in event.properties.items()
        if value is not None and name != "globalContext"
    }
    if event.kind in ("page", "screen") and event.name:
        attributes.setdefault("name", event.name)
    return attributes


EVENT = Mapping(
    on="track",
    into="event",
    title="Custom event",
    fields=(
        Field("eventName", required=True, label="`event`; of page and screen calls as `view_names` says"),
        Field("identifyId", required=True, label="userId, else anonymousId"),
        Field(
            "accountId",
            Derived((), event_group, "`context.groupId`, `traits.groupId` or `context.traits.groupId`"),
            text,
        ),
        Field("eventId", label="`messageId`, if the sender gave one"),
        Field("date", Derived((), event_date, "`properties.date`, else the event's time")),
        Field("sessionId", ("properties.sessionId", "context.sessionId"), text),
        Field("url", "context.page.url", text),
        Field("referrer", "context.page.referrer", text),
        Field("propertyKey", required=True, label="from the setting `product_tag_key`: the first one"),
        Field("userType", required=True, label="always USER"),
        Field("attributes", label="`properties` but globalContext and nulls; objects and lists as JSON text"),
        Field("globalContext", label="`properties.globalContext`, else the setting `global_context`"),
    ),
)


def plan(settings: PxSettings, event: Event, identity: Identity, schema: Schema | None = None) -> Planned:
    """identify: a user. group: an account, and the user's link to it. track: a custom event.

    In mode `segment_push` each is its message.
    """
    match event.kind:
        case "identify" | "group" | "track" if settings.pushes:
            return plan_message(event)
        case "identify":
            return plan_identify(settings, event, schema)
        case "group":
            return plan_group(settings, event, schema)
        case "page" | "screen" if not getattr(settings, f"{event.kind}_events"):
            return Planned(Filtered("type_not_selected", f"`{event.kind}_events` is off."))
        case "page" | "screen" if settings.pushes:
            return plan_message(event)
        case "track" | "page" | "screen":
            return plan_event(settings, event)
    return Planned(Filtered("type_unsupported", f"Gainsight PX takes no {event.kind} calls."))


def plan_identify(settings: PxSettings, event: Event, schema: Schema | None) -> Planned:
    """The user; an account that the user names goes first where it is on its way."""
    reading = read(USER, settings, event, schema)
    if reading.faults:
        return refused(reading.faults)
    fields = {
        "identifyId": event.person_id,
        "type": "USER",
        "propertyKeys": list(settings.product_tag_key),
        **reading.values,
    }
    account = reading.values.get("accountId")
    after = (Record("account", f"id:{account}"),) if account else ()
    return Planned((Upsert(user_record(event), fields, after),), reading.unmapped)


def plan_group(settings: PxSettings, event: Event, schema: Schema | None) -> Planned:
    """The account, then the user's `accountId`: the link is a field of the user."""
    if not event.group_id:
        return Planned(
            Rejected("group_id_missing", "The group call has no groupId, and an account needs an id.")
        )
    reading = read(ACCOUNT, settings, event, schema)
    if reading.faults:
        return refused(reading.faults)
    fields = {"id": event.group_id, "propertyKeys": list(settings.product_tag_key), **reading.values}
    account = Record("account", f"id:{event.group_id}")
    link = {"identifyId": event.person_id, "accountId": event.group_id}
    return Planned((Upsert(account, fields), Upsert(user_record(event), link, (account,))), reading.unmapped)


def plan_event(settings: PxSettings, event: Event) -> Planned:
    """A custom event, in the lane of its user; it creates no user."""
    content = {
        "eventName": event_name(settings, event),
        **EVENT.read(event).values,
        "identifyId": event.person_id,
        "propertyKey": settings.product_tag_key[0],
        "userType": "USER",
        "attributes": event_attributes(event),
    }
    if event.has_own_id:
        content["eventId"] = event.message_id
    given = event.properties.get("globalContext")
    context = given if isinstance(given, dict) else settings.global_context
    if context:
        content["globalContext"] = context
    return Planned((Append(user_record(event), content),))


def plan_message(event: Event) -> Planned:
    """The message as a whole, in the lane of its user."""
    return Planned((Append(user_record(event), event.message),))


def user_record(event: Event) -> Record:
    """Users are known by userId, else anonymousId; ids are case-sensitive [documented]."""
    return Record("user", f"id:{event.person_id}")
