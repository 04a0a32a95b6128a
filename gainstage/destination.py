"""The contract of a destination.

A destination declares; the engine acts. A destination is its settings, a pure plan (event to operations),
and an exchange: a generator that yields requests and is handed responses. It never does I/O, sleeps,
retries by the clock, counts calls or keeps state. `gainstage.testing.destination_suite` holds every one to
it.
"""

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from pydantic import BaseModel

from gainstage.computed import Computed
from gainstage.event import Event, Identity
from gainstage.mapping import Fault
from gainstage.mapping import Mapping as FieldTable
from gainstage.operation import Operation, Record
from gainstage.outcome import Blocked, Delivered, Filtered, Outcome, Parked, Rejected, Retry, Throttled
from gainstage.schema import Schema, Use


class Request(msgspec.Struct, frozen=True):
    """One HTTP call. `works`: the indexes of the work it carries; after a failure only those are in doubt."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    works: tuple[int, ...] = ()
    #: Repeating it does no harm (a keyed write or a read).
    repeatable: bool = True
    #: Headers whose values are secrets; shown masked wherever the request is kept.
    secret_headers: tuple[str, ...] = ()
    #: The budget family it counts against; the destination's first one where empty.
    family: str = ""
    #: Further families that it may count against: where the vendor does not say which, all of them are spent.
    also: tuple[str, ...] = ()
    #: It is not made before so many seconds have passed since the answer to the one before.
    after_seconds: float = 0.0
    #: An asynchronous call, or a question what became of it: for so many seconds the vendor may still carry
    #: it out. Until its works are settled, or that time is over, nothing else is sent for their records.
    occupies_seconds: float = 0.0
    #: It only asks, and writes nothing, though its method is not GET.
    asks: bool = False


class Response(msgspec.Struct, frozen=True):
    """What came back. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, or None where it is none (an HTML page, a cut or empty body)."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None


class CallFailed(Exception):
    """Thrown into an exchange at its `yield` when no usable answer came.

    `sent` is False when the vendor cannot have seen the request. An exchange that does not catch it leaves
    the rest to the engine: what the request carried is retried (unsure where `sent`), the rest untouched.
    """

    def __init__(self, code: str, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.sent = sent


class Work(msgspec.Struct, frozen=True):
    """One piece of work for an exchange: the merged pending upserts of one record, or one append."""

    kind: Literal["upsert", "append"]
    record: Record
    #: upsert: the fields to write, changed ones only. append: its content.
    fields: dict[str, Any]
    #: upsert: every value known for the record, confirmed or to be written: enough to create it.
    known: dict[str, Any] = msgspec.field(default_factory=dict)
    #: What the vendor told about the record before (ids, that it exists), from earlier `Settled.facts`.
    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    #: The facts of the records that it follows (`Upsert.after`).
    after: dict[Record, dict[str, Any]] = msgspec.field(default_factory=dict)
    #: Every key by which the record, and those that it follows, are known: where there is more than the one.
    keys: dict[Record, tuple[str, ...]] = msgspec.field(default_factory=dict)
    #: What older events say that wait while one at fault is sought: not to be written now, but it counts
    #: where the question is whether the record can be made.
    behind: dict[str, Any] = msgspec.field(default_factory=dict)
    #: A call for it was sent before and its answer was lost: look before an unsafe write.
    in_doubt: bool = False
    #: append: the event's message id.
    message_id: str = ""
    #: Time of the (earliest) event, microseconds since the epoch.
    time_us: int = 0

    def keys_of(self, record: Record) -> tuple[str, ...]:
        """The keys of the work's record, or of one that it follows."""
        return self.keys.get(record) or (record.key,)


#: The fact that lists key facts which belong to others, as keys.
OTHERS = "others"


class Settled(msgspec.Struct, frozen=True):
    """How the work with this index ended, kept whatever the next request does.

    `facts` are merged into what is known of the record; None forgets one.
    """

    work: int
    outcome: Outcome
    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    #: What was learnt about records that the work follows (`Work.after`): facts to merge, or None where the
    #: vendor no longer has the record. Then its facts and all that was confirmed of it are void: it is to be
    #: written again from what is known, before the work is tried anew.
    learnt: dict[Record, dict[str, Any] | None] = msgspec.field(default_factory=dict)
    #: An asynchronous call may still be carried out: the record rests for `Request.occupies_seconds`.
    occupied: bool = False
    #: Keys that the vendor tells, and kinds of keys (what stands before the colon) that tell records apart
    #: here: if the record has others of these by now, or shares what was told with a record that has, it is
    #: about another record. Then the key facts are not kept, but listed under `OTHERS`.
    keys: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """What `check` found out, or could not (`unknown`). `setting` names the setting concerned, if one is."""

    level: Literal["ok", "unknown", "warning", "error"]
    setting: str
    message: str


Exchange = Generator[Request | Settled, Response | None, None]
Check = Generator[Request | Finding, Response | None, None]
#: Ends with the schema, or with a finding that says why there is none.
Describe = Generator[Request | Finding | Schema, Response | None, None]
#: Ends with `Delivered` (`absent` where nobody was there), or with why it could not be done.
Deletion = Generator[Request, Response | None, Outcome]
Plan = tuple[Operation, ...] | Filtered | Rejected | Parked


class Planned(msgspec.Struct, frozen=True):
    """What a destination makes of an event, and the names of traits that had nowhere to go."""

    plan: Plan
    unmapped: tuple[str, ...] = ()


def refused(faults: Sequence[Fault]) -> Planned:
    """The event fails with all values that do not fit; with a field that is not there before all else."""
    sentences = " ".join(fault.sentence for fault in faults)
    unknown = any(fault.code == "field_unknown" for fault in faults)
    code = "field_unknown" if unknown else "value_invalid"
    return Planned(Rejected(code, sentences, tuple(fault.field for fault in faults)))


class Budget(msgspec.Struct, frozen=True):
    """At most `limit` calls in any `window_seconds`, of which `reserve_percent` are left for others."""

    #: What the limit belongs to, in words fit for a status page: CS domain; PX region and fingerprint of a
    #: key.
    account: str
    family: str
    window: str
    window_seconds: float
    limit: int
    reserve_percent: int = 0

    @property
    def name(self) -> tuple[str, str, str]:
        """What it is known by: destinations that name the same share it."""
        return self.account, self.family, self.window

    @property
    def usable(self) -> int:
        """Calls that we may make in a window, at least one."""
        return max(1, self.limit * (100 - self.reserve_percent) // 100)


class Allowance(msgspec.Struct, frozen=True):
    """A budget, and how many of its calls may be made now."""

    budget: Budget
    free: int


class Person(msgspec.Struct, frozen=True):
    """Somebody who is to be deleted: userIds and anonymousIds, e-mails in lower case."""

    ids: tuple[str, ...]
    emails: tuple[str, ...]


class Backlog(msgspec.Struct, frozen=True):
    """What waits of one object at a destination, and with which calls it may go."""

    #: Records whose turn it is, and for which no call failed.
    waiting: int
    #: Exchanges that carry gathered records of the object now.
    under_way: int
    allowances: tuple[Allowance, ...]


class NameLimit(msgspec.Struct, frozen=True):
    """The vendor keeps at most so many distinct event names of a tenant; `setting` is where an admin says so.

    A vendor that keeps a list of names keeps one of property keys, too: those that differ only by letter case
    are reported.
    """

    most: int
    setting: str


#: How many records the next exchange gathers, beyond what `Destination.batch` says; below two: none. Pure.
Gather = Callable[[Backlog], int]


@dataclass(frozen=True)
class Doctor:
    """How a destination comes to know its tenant's fields, and what it makes of them. All pure."""

    #: Reads the tenant's fields.
    describe: Callable[[Any], Describe]
    #: The schema in a decoded document of the vendor's own form; ValueError with a sentence where it is none.
    read: Callable[[Any], Schema]
    #: Every field that the settings make use of, those of the built-in tables among them.
    uses: Callable[[Any], tuple[Use, ...]]
    #: What of the settings does not go with the tenant's fields.
    examine: Callable[[Any, Schema], tuple[Finding, ...]]


#: The object of a canary's operation: there is no record of it, and nothing is written.
CANARY_OBJECT = "gainstage_canary"


def unasked(works: Sequence[Work]) -> Exchange:
    """Every work is done without a call."""
    for index in range(len(works)):
        yield Settled(index, Delivered())


@dataclass(frozen=True)
class Destination:
    """The declaration of a destination type. Everything in it is data or a pure function."""

    name: str
    title: str
    settings: type[BaseModel]
    #: Event kinds that it supports; the default of `types`.
    kinds: tuple[str, ...]
    #: Keys of the `integrations` object that mean this destination, beside the configured name.
    integration_names: tuple[str, ...]
    #: What an event asks for, by settings, event, identity and, where it is known, the tenant's schema.
    plan: Callable[[Any, Event, Identity, Schema | None], Planned]
    exchange: Callable[[Any, Sequence[Work]], Exchange]
    check: Callable[[Any], Check]
    #: Whose records these are: destinations with an equal tenant share records, lanes and budgets.
    tenant: Callable[[Any], str]
    budgets: Callable[[Any], tuple[Budget, ...]]
    #: The answers of an empty, healthy vendor, for `preview`.
    pretend: Callable[[Request], Response]
    #: The field tables that `plan` reads, for the documents.
    mappings: tuple[FieldTable, ...] = ()
    #: What a call of a computation asks for; None where it is planned like any other.
    plan_computed: Callable[[Any, Event, Computed, Identity, Schema | None], Planned] | None = None
    #: How many records of an object one exchange may carry; 1 where not named.
    batch: Mapping[str, int] = field(default_factory=dict)
    #: By object: facts that are keys as well. Two records of which the vendor tells the same one are one.
    key_facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Objects of which a long backlog may go by other calls, many records at once, and the choice when.
    gather: Callable[[Any], Mapping[str, Gather]] = lambda settings: {}
    #: How many exchanges may be under way at once; those that wait for an asynchronous call do not count.
    concurrency: int = 4
    #: What is odd about the settings without being wrong (a key of unusual length).
    warnings: Callable[[Any], tuple[Finding, ...]] = lambda settings: ()
    #: None where the vendor takes any number of event names. What has one is named in `Append.name`.
    names: Callable[[Any], NameLimit | None] = lambda settings: None
    #: Settings that say where calls go; the first one that is set does.
    addressed_by: tuple[str, ...] = ("api_url",)
    #: None where the vendor does not tell its fields.
    doctor: Doctor | None = None
    #: How records of a person are named: an object, and a form of the key with `{id}` or `{email}` in it.
    people: tuple[tuple[str, str], ...] = ()
    #: For the catalog: what tells it from its vendor's other products, what it is for, in a sentence, and
    #: further words by which people look for it.
    edition: str = ""
    purpose: str = ""
    words: tuple[str, ...] = ()
    #: Parts of the form of its settings, by title, with the settings that stand in each.
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Deletes a person at the vendor; None where no call for that is documented.
    delete: Callable[[Any, Person], Deletion] | None = None
    #: Then: what to do instead, in a sentence.
    delete_by_hand: str = "No call for it is documented: delete the person in Gainsight."
    #: What a canary comes to: at most one call that only reads. Without one it ends before the vendor.
    canary: Callable[[Any, Sequence[Work]], Exchange] = lambda settings, works: unasked(works)


RETRIED_STATUSES = frozenset({408, 423, 425})


def outcome_of_status(response: Response, said: str) -> Outcome | None:
    """What a status means wherever the vendor's documents say nothing else; None for success.

    `said` is what the vendor gave as its reason. Destinations ask their own tables first. The engine reads
    Retry-After by itself: it has the clock.
    """
    status = response.status
    told = f"HTTP {status}" + (f": {said}" if said else "")
    if status == 429:
        return Throttled(detail=told)
    if status >= 500 or status in RETRIED_STATUSES:
        return Retry("vendor_error", told)
    if status in (401, 403):
        return Blocked("credentials_refused", told)
    if 300 <= status < 400 or status in (404, 405, 410):
        return Blocked("host_refused", told)
    if status >= 400:
        return Rejected("refused", told)
    return None


MASK = "***"
#: Shorter ones occur within ordinary words.
SECRET_CHARACTERS = 8


def conceal(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, the longest first.

    A short secret is hidden where it stands alone: within other words it would only garble them.
    """
    return concealer(secrets)(text)


def concealer(secrets: Iterable[str]) -> Callable[[str], str]:
    """`conceal` for many texts."""
    patterns = [
        (secret, _alone(secret) if len(secret) < SECRET_CHARACTERS else None)
        for secret in sorted(filter(None, secrets), key=len, reverse=True)
    ]

    def concealed(text: str) -> str:
        for secret, alone in patterns:
            if secret in text:
                text = text.replace(secret, MASK) if alone is None else alone.sub(MASK, text)
        return text

    return concealed


def _alone(secret: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])")
