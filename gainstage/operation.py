"""What an event asks of a destination: upserts of records, and appends.

An *upsert* sets fields of one record and merges with other upserts of it. An *append* may never be merged
or repeated without need. Both belong to a lane, named by object and key, that keeps their order.
"""

from typing import Any, NamedTuple

import msgspec


class Record(NamedTuple):
    """A record at the vendor, as the tenant's events name it: an object and a key such as `name:Acme`."""

    object: str
    key: str


class Upsert(msgspec.Struct, frozen=True, tag="upsert"):
    """Set `fields` of the record. Field names are the vendor's; the record's key field is among them.

    A field that needs another record's vendor id (a link) is named `<field>[<key of that record>]`, and that
    record stands in `after`: the upsert waits until it is settled, and fails with it.
    """

    record: Record
    fields: dict[str, Any]
    after: tuple[Record, ...] = ()
    #: Every key by which the event names the record (`sfdcAccountId:001...`, `name:Acme`), the strongest
    #: first; only where there is more than one. `record.key` is the strongest.
    keys: tuple[str, ...] = ()
    #: What may stand before the colon of a key, in the order of strength.
    kinds: tuple[str, ...] = ()


class Append(msgspec.Struct, frozen=True, tag="append"):
    """Send `content` by a call of its own: after the lane's pending upserts, in the order of the events."""

    record: Record
    content: dict[str, Any]
    #: The event's name at the vendor, where that keeps only so many distinct ones (`Destination.names`).
    name: str = ""


Operation = Upsert | Append
