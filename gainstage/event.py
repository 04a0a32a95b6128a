"""What an event is: its kinds, its identity, its time and its limits.

An event arrives as a *message* (one JSON object in the Segment specification's form). The tracking
API keeps the message as it came; `gainstage.normalise` turns it into an `Event` or says why it is none.
"""

from typing import Any

import msgspec

KINDS = ("identify", "track", "page", "screen", "group", "alias")

#: Limits of Segment's HTTP tracking API, in bytes of JSON unless the name says otherwise.
EVENT_BYTES = 32 * 1024
MESSAGE_ID_CHARACTERS = 100
#: How the message ids start that were given here to messages without one; a new data folder gives them anew.
ASSIGNED_ID = "gainstage-"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One message, normalised: absent ids are empty strings, traits stand in one place, time is corrected."""

    kind: str
    message_id: str
    source: str
    user_id: str = ""
    anonymous_id: str = ""
    group_id: str = ""
    previous_id: str = ""
    #: The event's name for track, the page's or screen's name for those.
    name: str = ""
    #: identify: `traits` over `context.traits`, key by key. group: `traits`. Others: empty.
    traits: dict[str, Any] = msgspec.field(default_factory=dict)
    #: `context.traits`: who the user is, on calls that are not about the user's traits.
    context_traits: dict[str, Any] = msgspec.field(default_factory=dict)
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    integrations: Any = None
    #: When it happened, corrected for the sender's clock where `sentAt` allows it.
    time_us: int
    #: When it was accepted; rises within a process.
    received_us: int
    #: Its place in the request that brought it.
    place: int = 0
    #: The message as a destination may forward it: ids, type and times filled in, write key taken out.
    message: dict[str, Any] = msgspec.field(default_factory=dict)
    #: What was put right on the way in, in sentences (shown by `trace`).
    notes: tuple[str, ...] = ()

    @property
    def person_id(self) -> str:
        """userId, else anonymousId."""
        return self.user_id or self.anonymous_id

    @property
    def has_own_id(self) -> bool:
        """Whether the sender gave the message id: only then it is like no other, wherever it goes."""
        return not self.message_id.startswith(ASSIGNED_ID)

    @property
    def stamp(self) -> bytes:
        """This event's place in the order of values: event time, receipt, place in its batch, message id.

        Byte strings that compare as that tuple does. The event time counts at most as the time of receipt,
        so that a clock running ahead cannot pin a value for ever.
        """
        return b"%016x%016x%06x%s" % (
            max(0, min(self.time_us, self.received_us)),
            self.received_us,
            self.place,
            self.message_id.encode(),
        )


class Refusal(msgspec.Struct, frozen=True):
    """Why a message is no event; it met no destination. `message_id` may be one that we assigned."""

    message_id: str
    code: str
    detail: str
    received_us: int


class Identity(msgspec.Struct, frozen=True):
    """What earlier events said of this event's user, as resolved when the event was routed.

    Empty strings where nothing is known. Stored with the event, so that a replay uses the same.
    """

    #: The userId behind an anonymousId.
    user_id: str = ""
    email: str = ""
    #: The account the user was last seen with (an identify's accountId, a group's groupId).
    account: str = ""
