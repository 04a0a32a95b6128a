"""From an event to the row that is archived of it. Pure."""

from hashlib import blake2b
from typing import NamedTuple

import msgspec

from gainstage.clock import DAY_US
from gainstage.event import Event
from gainstage.pseudonym import person_of

#: The columns of the files, in order, with the types that SQL engines know them by. Times are UTC.
COLUMNS: tuple[tuple[str, str], ...] = (
    ("position", "BIGINT"),
    ("once", "BIGINT"),
    ("source", "VARCHAR"),
    ("message_id", "VARCHAR"),
    ("kind", "VARCHAR"),
    ("name", "VARCHAR"),
    ("person", "VARCHAR"),
    ("also", "VARCHAR"),
    ("account", "VARCHAR"),
    ("email", "VARCHAR"),
    ("time", "TIMESTAMP"),
    ("received", "TIMESTAMP"),
    ("place", "INTEGER"),
    ("properties", "VARCHAR"),
    ("traits", "VARCHAR"),
)
#: What page and screen calls are called, and the property that holds the page's or screen's own name.
VIEWS = {"page": ("Page Viewed", "page_name"), "screen": ("Screen Viewed", "screen_name")}

_encode = msgspec.json.Encoder().encode


class Row(NamedTuple):
    """A row as `COLUMNS` has it; instants are microseconds since the epoch."""

    position: int
    once: int
    source: str
    message_id: str
    kind: str
    #: "" for what has no name: identify, group, alias.
    name: str
    person: str
    also: str | None
    account: str | None
    email: str | None
    time_us: int
    received_us: int
    place: int
    properties: str | None
    traits: str | None

    @property
    def day(self) -> int:
        """The day of its time, counted from the epoch."""
        return self.time_us // DAY_US


def row_of(event: Event) -> Row:
    """The row of an event; its position is given when it is archived."""
    properties = event.properties
    name = event.name
    if event.kind in VIEWS:
        view, property_ = VIEWS[event.kind]
        properties = {**properties, property_: name} if name else properties
        name = view
    return Row(
        position=0,
        once=once_of(event.source, event.message_id),
        source=event.source,
        message_id=event.message_id,
        kind=event.kind,
        name=name,
        person=person_of(event),
        also=_also(event),
        account=event.group_id if event.kind == "group" and event.group_id else None,
        email=_email(event),
        time_us=min(event.time_us, event.received_us),
        received_us=event.received_us,
        place=event.place,
        properties=_encode(properties).decode() if event.kind in ("track", "page", "screen") else None,
        traits=_encode(event.traits).decode() if event.kind in ("identify", "group") else None,
    )


def once_of(source: str, message_id: str) -> int:
    """By what an event is known that comes again: 64 bits, signed."""
    text = f"{source}\0{message_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little", signed=True)


def _also(event: Event) -> str | None:
    if event.kind == "alias" and event.previous_id:
        return f"u:{event.previous_id}"
    return f"a:{event.anonymous_id}" if event.user_id and event.anonymous_id else None


def _email(event: Event) -> str | None:
    told = (
        event.traits.get("email") if event.kind == "identify" else None,
        event.context_traits.get("email"),
    )
    found = (one.strip().lower() for one in told if isinstance(one, str) and "@" in one)
    return next(found, None)
