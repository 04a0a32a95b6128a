"""What a replay is, as plain values: what somebody asked for, how far it has come, what it carries."""

from typing import NamedTuple

import msgspec

from gainstage.reason import WORDS

#: States of a replay, as numbers in the store.
RUNNING, PAUSED, CANCELLED, DONE = range(4)
STATES = ("running", "paused", "cancelled", "done")
#: The outcome of an event at a destination that it has not met.
NEW = "new"
OUTCOMES = (*WORDS[:4], NEW)

Tally = dict[str, int]
"""Counts of a replay: `events` that fit, deliveries `planned`, their outcomes, and `skipped_...` by why."""


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which events are sent again, and where. What is empty restricts nothing."""

    #: Received from here on, and before this.
    from_us: int
    to_us: int
    sources: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    #: The person as somebody named them, and the ids and e-mails that are known to be the same.
    user: str = ""
    ids: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    #: Words of the ledger, or `NEW`.
    outcomes: tuple[str, ...] = ()
    #: Appends that were delivered are sent again.
    resend_events: bool = False


class Part(NamedTuple):
    """How far a replay has come in a partition of the log, and where it ends."""

    partition: int
    offset: int
    until_offset: int


class Replay(msgspec.Struct, frozen=True):
    """A replay as it stands."""

    id: int
    state: int
    created_us: int
    ended_us: int
    #: The log had nothing older when it was read, though there was more once; 0 where it had all.
    begins_us: int
    asked: Asked
    tally: Tally
    parts: tuple[Part, ...]
    #: Deliveries on their way, and those withdrawn while it is paused.
    open: int = 0
    held: int = 0


class Carried(msgspec.Struct, frozen=True, gc=False):
    """A delivery on its way again, and what it was before; `word` is None where there was none."""

    event_id: int
    destination_id: int
    replay_id: int
    word: int | None
    code: str = ""
    detail: str = ""
    until_us: int | None = None
    #: Whether appends go, too.
    appends: bool = True
    held: bool = False


class Entered(msgspec.Struct, frozen=True, gc=False):
    """An event as it was routed, for whoever meets its message in the log again."""

    id: int
    partition: int
    offset: int
    identity: bytes | None
    run: int | None
    #: Refused before it met a destination.
    refused: bool
    #: The log entry that stands for it since somebody corrected it.
    edited: bytes | None


class Standing(NamedTuple):
    """What became of an event at a destination so far."""

    word: int
    code: str
    detail: str
    until_us: int | None
