"""What the store takes and gives of requests to forget a person, as plain values."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec


class Phase(IntEnum):
    """How far a request has come."""

    #: The history is looked through: entries are marked to be erased, events to be purged.
    LOG = 0
    #: So is the ledger, for events whose entries are gone.
    LEDGER = 1
    #: Events are purged as soon as no call is under way for them, then all else that is known of the person.
    PURGE = 2
    #: The destinations are asked to delete the person, where that was wanted.
    VENDORS = 3
    #: What was deleted is cleaned out of the files.
    REWRITE = 4
    DONE = 5


class Names(NamedTuple):
    """Names of people: `u:<userId>`, `a:<anonymousId>`, and e-mails in lower case."""

    keys: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()

    def without(self, person: "Someone") -> "Names":
        """Those that the person has not."""
        return Names(self.keys.difference(person.keys), self.emails.difference(person.emails))

    def and_(self, others: Iterable["Names"]) -> "Names":
        """These and others."""
        more = list(others)
        return Names(
            self.keys.union(*(one.keys for one in more)), self.emails.union(*(one.emails for one in more))
        )


class Someone(msgspec.Struct):
    """Whom a request means. Kept until nothing needs it any more."""

    #: As identity memory has them: `u:<userId>`, `a:<anonymousId>`.
    keys: tuple[str, ...]
    #: In lower case.
    emails: tuple[str, ...]
    #: How vendors' records of a person are named: an object and a form of its key, with `{id}` or `{email}`.
    records: tuple[tuple[str, str], ...] = ()
    #: Of destinations that are to delete the person, too.
    destinations: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids without what kind they are of."""
        return tuple(dict.fromkeys(key[2:] for key in self.keys))

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that a pseudonym is made of."""
        return (*self.keys, *(f"e:{email}" for email in self.emails))

    def further(self, key: str, emails: Iterable[str]) -> Names:
        """Names that it adds to the person's that whoever is called `key` told these e-mails as their own.

        Users are one with whoever told the same e-mail at any time. What a device tells before anybody signs
        in leads to nobody: others may have used it.
        """
        told = frozenset(emails)
        if not key.startswith("u:") or (key not in self.keys and told.isdisjoint(self.emails)):
            return Names()
        return Names(frozenset({key}), told).without(self)

    def record_keys(self) -> list[tuple[str, str]]:
        """Object and key of every record that may be the person's."""
        return [
            (object_, form.replace("{id}", name).replace("{email}", name))
            for object_, form in self.records
            for name in (self.ids if "{id}" in form else self.emails)
        ]


class ForgettingRow(msgspec.Struct):
    """A request: under way, or its receipt."""

    id: int
    asked: bytes
    asked_us: int
    phase: int
    person: Someone | None
    place: dict[str, Any] = {}
    counts: dict[str, int] = {}
    #: By destination: `outcome`, `detail`, `at_us`, `attempts`.
    vendors: dict[str, dict[str, Any]] = {}
    detail: str = ""
    due_us: int = 0
    done_us: int | None = None
    lifted_us: int | None = None
    log_gone_us: int | None = None

    def count(self, name: str, n: int) -> None:
        """Add to a count of the receipt."""
        self.counts[name] = self.counts.get(name, 0) + n


class Found(NamedTuple):
    """What a slice of the ledger holds of a person."""

    events: list[int]
    #: Events of others for which an e-mail of the person was resolved.
    resolved: list[int]
    #: The messages that the store keeps, of anybody: encoded entries of the log, by event.
    kept: list[tuple[int, bytes]]
    #: The last event that was looked at; None at the end.
    last: int | None


class Purged(NamedTuple):
    """What a slice of purging came to. `busy`: events for which a call may be under way; `last`: the last one
    that was looked at.
    """

    events: int = 0
    deliveries: int = 0
    calls: int = 0
    busy: int = 0
    last: int = 0
    #: There may be more behind `last`.
    more: bool = False
