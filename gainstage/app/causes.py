"""What failed or is parked, by cause: the events, people and companies behind each, and the remedy."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from gainstage.app.entries import entries_of, read
from gainstage.app.searching import Person, who
from gainstage.errors import UsageError
from gainstage.event import Event, Identity
from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog
from gainstage.reason import REASONS, WORDS
from gainstage.store.browsing import DeadRow
from gainstage.store.reading import Reading
from gainstage.store.store import Store

ROWS_AT_ONCE = 1_000
#: Of the names of events behind a cause so many are told, the most frequent.
NAMES_TOLD = 3
LONGEST_NAME = 200

_identity = msgspec.json.Decoder(Identity)


class Cause(NamedTuple):
    """What makes events one line of the summary."""

    destination: str
    outcome: str
    reason: str


class _Behind:
    """What stands behind a cause."""

    def __init__(self) -> None:
        self.events = 0
        self.people: set[bytes | str] = set()
        self.companies: set[str] = set()
        self.names: Counter[str] = Counter()
        #: The first that was looked at, and what is said of it where it met no destination.
        self.example: DeadRow | None = None
        self.detail = ""

    def add(self, row: DeadRow, entry: Entry | None) -> None:
        """Count an event, its person, its company and its name."""
        self.events += 1
        self.example = self.example or row
        if row.person is not None:
            self.people.add(row.person)
        elif entry is not None and isinstance(event := _read(row, entry), Event):
            self.people.add(event.person_id)
        told = _told_by(entry)
        if company := _company(row.identity, told):
            self.companies.add(company)
        if name := next((one for one in (told.event, told.name, told.type) if isinstance(one, str)), ""):
            self.names[name[:LONGEST_NAME]] += 1


class _Told(msgspec.Struct, rename="camel"):
    """As much of a message as tells its company and what it is called."""

    group_id: Any = None
    event: Any = None
    name: Any = None
    type: Any = None


_told = msgspec.json.Decoder(_Told)


def _told_by(entry: Entry | None) -> _Told:
    if entry is None:
        return _Told()
    try:
        return _told.decode(entry.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Told()


class Causes:
    """The causes of what fits the filters."""

    def __init__(
        self,
        store: Store,
        log: LocalLog,
        destination: str | None = None,
        reason: str | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        outcome: str | None = None,
        user: str | None = None,
        kind: str | None = None,
        name: str | None = None,
    ) -> None:
        self._store, self._log = store, log
        self._destination, self._reason, self._outcome = destination, reason, outcome
        self._since_us, self._until_us = since_us, until_us
        self._user, self._kind, self._name = user, kind, name

    def told(self, limit: int | None) -> dict[str, Any]:
        """The causes with the most people first: `{"problems", "complete"}`.

        With a limit people and companies are counted among the newest events only, so many in all: each
        cause has its share. Events are counted all the same.

        Raises:
            UsageError: a limit stands beside filters that have each event looked at.
        """
        found: dict[Cause, _Behind] = {}
        complete = True
        with self._store.reading() as reading:
            if limit is None:
                self._add_all(found, reading)
            else:
                complete = self._add_newest(found, reading, limit)
            if not self._asks_messages:
                self._add_refused(found, reading)
            lines = [_line(cause, behind, _detail(reading, behind)) for cause, behind in found.items()]
        problems = sorted(lines, key=lambda row: (-row["people"], -row["events"], row["reason"]))
        return {"problems": problems, "complete": complete}

    def _add_all(self, found: dict[Cause, _Behind], reading: Reading) -> None:
        person = who(reading, self._user) if self._user is not None else None
        for row, entry in self._with_entries(reading.browsing.dead()):
            if self._fits(row, entry, person):
                cause = Cause(row.destination, WORDS[row.word], row.code)
                found.setdefault(cause, _Behind()).add(row, entry)

    def _add_newest(self, found: dict[Cause, _Behind], reading: Reading, limit: int) -> bool:
        """Count all events by the index, and look at the newest; whether these were all."""
        if self._asks_messages or self._since_us is not None or self._until_us is not None:
            raise UsageError("A limit goes with destination, reason and outcome only: leave it out.")
        counted = [
            (Cause(destination, WORDS[word], code), n)
            for destination, word, code, n in reading.browsing.dead_counts()
            if self._is_of(destination, WORDS[word], code, 0)
        ]
        share = max(1, limit // max(1, len(counted)))
        for cause, n in counted:
            behind = found[cause] = _Behind()
            rows = reading.browsing.dead_of(cause.destination, cause.reason, share)
            for row, entry in self._with_entries(iter(rows)):
                behind.add(row, entry)
            behind.events = n
        return all(n <= share for _, n in counted)

    @property
    def _asks_messages(self) -> bool:
        return self._user is not None or self._kind is not None or self._name is not None

    def _with_entries(self, rows: Iterator[DeadRow]) -> Iterator[tuple[DeadRow, Entry | None]]:
        while some := list(islice(rows, ROWS_AT_ONCE)):
            yield from zip(some, entries_of(self._log, [row._asdict() for row in some]), strict=True)

    def _fits(self, row: DeadRow, entry: Entry | None, person: Person | None) -> bool:
        if not self._is_of(row.destination, WORDS[row.word], row.code, row.at_us):
            return False
        if not self._asks_messages:
            return True
        event = _read(row, entry) if entry is not None else None
        return says(event if isinstance(event, Event) else None, person, self._kind, self._name)

    def _is_of(self, destination: str, word: str, code: str, at_us: int) -> bool:
        return (
            self._destination in (None, destination)
            and self._reason in (None, code)
            and self._outcome in (None, word)
            and (self._since_us is None or at_us >= self._since_us)
            and (self._until_us is None or at_us < self._until_us)
        )

    def _add_refused(self, found: dict[Cause, _Behind], reading: Reading) -> None:
        """Messages that met no destination: nobody knows whose they are."""
        place = (0, 0)
        while rows := reading.refused(place, ROWS_AT_ONCE):
            for _, row in rows:
                if self._is_of("", row.word, row.code, row.at_us):
                    behind = found.setdefault(Cause("", row.word, row.code), _Behind())
                    behind.events += 1
                    behind.detail = behind.detail or row.detail
            place = rows[-1][0]


def says(event: Event | None, person: Person | None, kind: str | None, name: str | None) -> bool:
    """Whether an event is of this person, type and name; a message that is none fits nothing of these."""
    return (
        event is not None
        and (person is None or person.is_meant(event))
        and (kind is None or event.kind == kind)
        and (name is None or event.name == name)
    )


def _read(row: DeadRow, entry: Entry) -> Event | Any:
    return read({"partition": row.partition, "offset": row.offset}, entry)


def _company(identity: bytes | None, told: _Told) -> str:
    """The company that a message names, else the one that was known of its user."""
    given = told.group_id
    if isinstance(given, str | int) and not isinstance(given, bool) and given != "":
        return str(given)
    return _identity.decode(identity).account if identity else ""


def _detail(reading: Reading, behind: _Behind) -> str:
    """What is said of one of the events; a cause alone does not name the field or the setting."""
    example = behind.example
    if example is None:
        return behind.detail
    met = reading.deliveries(example.event_id, example.at_us)
    return next((one.detail for one in met if one.destination == example.destination), "")


def _line(cause: Cause, behind: _Behind, detail: str) -> dict[str, Any]:
    known = REASONS.get(cause.reason)
    return {
        "destination": cause.destination or None,
        "outcome": cause.outcome,
        "reason": cause.reason,
        "title": known.title if known else cause.reason,
        "cause": known.cause if known else "",
        "people": len(behind.people),
        "companies": len(behind.companies),
        "events": behind.events,
        "names": [{"name": name, "events": n} for name, n in behind.names.most_common(NAMES_TOLD)],
        "example": detail,
        "remedy": known.remedy if known else "",
    }
