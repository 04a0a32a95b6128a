"""What the store takes and gives, as plain values.

Structs where many are made: they cost a fraction of a named tuple, and the collector does not look at them.
"""

from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from gainstage.event import Identity
from gainstage.operation import Record

#: The words of the ledger as numbers, in the order of `gainstage.outcome.WORDS`.
DELIVERED, FILTERED, FAILED, PARKED, PENDING = range(5)
#: Words that count in `counter` under destination 0.
REFUSED, DUPLICATE = 5, 6
#: The code of what somebody gave up: it is listed and tried no more.
GIVEN_UP = "given_up"
#: How urgent an event is: of lanes that are due the most urgent go first.
LIVE, AUDIENCE, HISTORY = PRIORITIES = (0, 1, 2)
PRIORITY_WORDS = ("live", "audience", "history")

State = dict[str, list[Any]]
#: Per field of a record the stamp and the value that a call may have written, and that nothing asks for any
#: more since the settings changed; behind them the event for which it is left out, while that is so.
Abandoned = dict[str, list[Any]]
"""What is known of a record's fields: name to [stamp (text), value, confirmed at (us), 0 where unsure]."""


def event_key(source_id: int, message_id: str) -> bytes:
    """What makes a message one: its source and its message id."""
    return blake2b(
        b"%d:%s" % (source_id, message_id.encode("utf-8", "surrogatepass")), digest_size=16
    ).digest()


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event about to enter the store."""

    id: int
    key: bytes
    source_id: int
    message_id: str
    received_us: int
    partition: int
    offset: int
    identity: bytes | None
    run: int | None
    code: str | None = None
    detail: str | None = None
    #: A keyed hash of its user; see `gainstage.pseudonym`.
    person: bytes | None = None


class NewDelivery(msgspec.Struct, frozen=True, gc=False):
    """What became of an event at a destination when it was planned. `open` counts its operations."""

    event_id: int
    destination_id: int
    source_id: int
    word: int
    code: str = ""
    detail: str = ""
    open: int = 0
    until_us: int | None = None


class NewOperation(msgspec.Struct, frozen=True, gc=False):
    """An operation about to wait in a lane."""

    destination_id: int
    record_id: int
    event_id: int
    source_id: int
    #: It is all that the event asks of the destination.
    alone: bool
    kind: int
    plan: int
    waits: int
    stamp: bytes
    time_us: int
    content: bytes
    follows: bytes | None
    priority: int = LIVE


class Kept(NamedTuple):
    """An event read back to be planned again: its log entry and what was resolved."""

    event_id: int
    source_id: int
    message_id: str
    partition: int
    offset: int
    run: int | None
    identity: Identity
    entry: bytes


class NewTurn(NamedTuple):
    """Something came to a lane: it goes at `due_us` at the latest, unless it waits after a failure."""

    destination_id: int
    record_id: int
    object: str
    priority: int
    due_us: int | None


class RecordRow(msgspec.Struct, frozen=True):
    """A record with what is known of it."""

    id: int
    record: Record
    state: State
    facts: dict[str, Any]
    in_doubt: bool
    fence: int
    leased: bool
    #: It is to be joined with another that turned out to be the same.
    joining: bool = False
    abandoned: Abandoned = msgspec.field(default_factory=dict)
    #: The destination whose last call may have written values without confirming them; 0 where none may.
    unsure_of: int = 0

    @property
    def next_fence(self) -> int:
        """The fence of the next lease."""
        return self.fence + 1


class Place(NamedTuple):
    """Where a record is kept: its local number, and the name by which operations and links call it."""

    number: int
    record: Record


class LaneRow(msgspec.Struct, frozen=True, gc=False):
    """A lane that may go."""

    record_id: int
    object: str
    attempts: int
    take: int | None
    priority: int = LIVE


class OperationRow(msgspec.Struct, frozen=True):
    """A pending operation."""

    id: int
    event_id: int
    source_id: int
    alone: int
    kind: int
    stamp: bytes
    time_us: int
    in_doubt: int
    #: Of an append.
    message_id: str
    content: dict[str, Any]
    follows: tuple[Record, ...] = ()
    priority: int = LIVE
    #: For how long calls to its destination had failed, ever, when the first of its own did; None before.
    failing_from_us: int | None = None


class AlertRow(msgspec.Struct, frozen=True):
    """An alert: what it is about stands in `body`, as JSON."""

    key: str
    begun_us: int
    ended_us: int | None
    #: Whether its beginning was told.
    told: bool
    body: bytes


class Slice(NamedTuple):
    """Calls counted in one slice of a budget's window, and how many of them were for live events."""

    number: int
    used: int
    live: int


#: A window is counted in this many slices; a call counts until its whole slice has left the window, so that
#: no window of the vendor's, however aligned, sees more calls than allowed.
SLICES = 60


class BudgetRow(msgspec.Struct):
    """What is known of a budget. `usable`: as configured; `usable_at`: as the vendor's refusals allow."""

    account: str
    family: str
    window: str
    window_us: int
    usable: int
    #: When it was first in force.
    since_us: int = 0
    #: Nothing goes before.
    stop_until_us: int = 0
    #: The last call that was begun when the vendor last refused one for this limit; how often in a row.
    refused_call: int = 0
    refusals: int = 0
    #: What was found usable at `lowered_us`; since then it grows by `step` calls each `step_us`.
    lowered: int | None = None
    lowered_us: int = 0
    step: int = 0
    step_us: int = 0
    #: Percent used of the alert that stands, and since when; 0 where none does.
    alert: int = 0
    alert_us: int = 0
    #: In order; some windows more than count, and calls under way at the latest end that they may have.
    slices: tuple[Slice, ...] = ()

    @property
    def slice_us(self) -> int:
        """How long a slice is."""
        return slice_us(self.window_us)

    def usable_at(self, now_us: int) -> int:
        """How many calls a window may hold."""
        lowering = Lowering(self.lowered, self.lowered_us, self.step, self.step_us)
        return grown(self.usable, lowering, now_us)

    def counted(self, now_us: int) -> tuple[Slice, ...]:
        """The slices that count."""
        oldest = (now_us - self.window_us) // self.slice_us
        return tuple(one for one in self.slices if one.number >= oldest)

    def used(self, now_us: int) -> int:
        """How many calls count."""
        return sum(one.used for one in self.counted(now_us))

    def leaves_us(self, number: int) -> int:
        """When a slice counts no more."""
        return (number + 1) * self.slice_us + self.window_us


def slice_us(window_us: int) -> int:
    """How long a slice of a window is."""
    return max(1, window_us // SLICES)


class Lowering(NamedTuple):
    """What was found usable at an instant, or None; since then it grows by `step` calls each `step_us`."""

    to: int | None
    since_us: int
    step: int
    step_us: int


def grown(usable: int, lowering: Lowering, now_us: int) -> int:
    """What of a budget is usable after it was lowered, and has grown since."""
    if lowering.to is None or not lowering.step_us:
        return usable
    steps = max(0, now_us - lowering.since_us) // lowering.step_us
    return min(usable, lowering.to + steps * lowering.step)


class KnownUser(msgspec.Struct):
    """A row of identity memory."""

    user_id: str = ""
    email: str = ""
    email_stamp: bytes = b""
    account: str = ""
    account_stamp: bytes = b""


class DestinationRow(msgspec.Struct):
    """A destination's number and state.

    `resume_us`: nothing is sent before. `held_us`: the vendor asked not to be called before. `failing_us`:
    for how long calls have failed, ever, up to the last of them at `failed_us`. `replan_after`: the settings
    changed, and events with a number above it are still to be planned anew; None when all are.
    `yields_until_us`: until then only live events go, so that these have budget.
    """

    id: int
    name: str
    fingerprint: bytes | None = None
    plan: int = 1
    paused: bool = False
    code: str | None = None
    detail: str | None = None
    since_us: int | None = None
    blocked: bool = False
    failures: int = 0
    resume_us: int = 0
    replan_after: int | None = None
    yields_until_us: int = 0
    held_us: int = 0
    failing_us: int = 0
    failed_us: int = 0


class Document(msgspec.Struct, frozen=True):
    """A source or destination as it was configured, references to the environment unexpanded."""

    kind: str
    name: str
    owner: str
    body: dict[str, Any]


class Room(NamedTuple):
    """How much of what a source's events are called is kept; what finds no room is counted together."""

    names: int = 10_000
    keys: int = 50_000
    keys_a_name: int = 200
    misses: int = 100
    #: Longer ones find no room.
    name_characters: int = 500
    key_characters: int = 200


ROOM = Room()


class KeyCount(NamedTuple):
    """How many events of a name had a property, and when the last one came."""

    key: str
    n: int
    last_us: int


class NameCount(NamedTuple):
    """How many events of a source had a name, and their properties by key."""

    source: str
    kind: str
    name: str
    n: int
    first_us: int
    last_us: int
    #: Properties whose keys found no room.
    other_keys: int
    keys: tuple[KeyCount, ...]


class SourceCounts(NamedTuple):
    """How much of a source's names and keys is kept, and how many events found no room."""

    source: str
    names: int
    keys: int
    other_names: int
    other_misses: int


class NearMiss(NamedTuple):
    """A key of `integrations` objects that is nearly `meant`, the name of a destination."""

    source: str
    key: str
    meant: str
    n: int
    last_us: int


class NamesUsed(NamedTuple):
    """How many distinct names a tenant was, or will be, sent, and how many it keeps."""

    tenant: str
    used: int
    most: int
