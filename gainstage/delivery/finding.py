"""Finding what is a person's: in log and ledger by their ids and e-mails, and further names in what is found
there.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from gainstage.computed import COMPUTED_SOURCE
from gainstage.event import Event, Refusal
from gainstage.log.contract import Entry, Stored
from gainstage.normalise import normalise
from gainstage.pseudonym import Pseudonyms, emails_of, person_of
from gainstage.store.contract import Transaction
from gainstage.store.forgetting_rows import ForgettingRow, Names, Someone
from gainstage.store.receipts import Receipts

#: Shorter names stand in too much that is not about the person: nobody looks for them in the files.
SHORTEST_TEXT = 6
#: A source's name and a message id.
Message = tuple[str, str]
_decode_entry = msgspec.msgpack.Decoder(Entry).decode


def is_theirs(person: Someone, result: Event | Refusal, entry: Entry) -> bool:
    """Whether an event is the person's: by its user, by who that was before an alias, by the e-mail that it
    tells.

    A device that somebody else uses by now does not make that one's events the person's.
    """
    if isinstance(result, Refusal):
        return entry.key in person.ids
    before = result.previous_id
    return (
        person_of(result) in person.keys
        or bool(before and (f"u:{before}" in person.keys or f"a:{before}" in person.keys))
        or not emails_of(result).isdisjoint(person.emails)
    )


def texts_of(person: Someone) -> list[bytes]:
    """What must not be left in the files: e-mails, and ids as JSON has them; in lower case."""
    ids = (f'"{name}"' for name in person.ids if len(name) >= SHORTEST_TEXT)
    emails = (email for email in person.emails if len(email) >= SHORTEST_TEXT)
    return [text.encode("utf-8", "surrogatepass").lower() for text in (*emails, *ids)]


class Search:
    """Looks at entries quickly: most of them are not read at all."""

    def __init__(self, person: Someone, until_us: int) -> None:
        self._person = person
        #: What came later leads to no further names: it is not let in, and might never end.
        self._until_us = until_us
        self._ids = frozenset(person.ids)
        names = (*person.ids, *person.emails)
        self._needles = [name.encode("utf-8", "surrogatepass").lower() for name in names]
        #: Those whose capitals bytes do not show.
        self._beyond_ascii = [name.lower() for name in names if not name.isascii()]
        self._texts = texts_of(person)
        #: How often others' entries hold one of the person's names.
        self.mentions = 0
        self._told: list[tuple[Message, Names]] = []
        self._kept = Names()

    def further(self, receipts: Receipts) -> Names:
        """Names that the person's own entries told, and of those who told the person's e-mails; not by a
        message that was corrected since.
        """
        corrected = receipts.corrected(message for message, _ in self._told)
        return self._kept.and_([names for message, names in self._told if message not in corrected])

    def theirs(self, partition: int, entries: Iterable[Stored]) -> list[tuple[Stored, Event | Refusal]]:
        """The entries that are the person's, and what each holds."""
        found = []
        for stored in entries:
            entry = stored.entry
            held = (entry.surroundings + entry.body).lower()
            if entry.key not in self._ids and not self._may_name(held):
                continue
            result = normalise(f"{partition}-{stored.offset}", entry)
            if is_theirs(self._person, result, entry):
                found.append((stored, result))
                if names := self._further(result, entry):
                    self._told.append(((entry.source, result.message_id), names))
            else:
                self.mentions += sum(held.count(text) for text in self._texts)
        return found

    def theirs_among(self, kept: Iterable[tuple[int, bytes]]) -> list[int]:
        """Those of the events whose messages, as the store keeps them, are the person's."""
        found = []
        for number, encoded in kept:
            if self._may_name(encoded.lower()):
                entry = _decode_entry(encoded)
                result = normalise("0-0", entry)
                if is_theirs(self._person, result, entry):
                    found.append(number)
                    if names := self._further(result, entry):
                        self._kept = self._kept.and_([names])
        return found

    def _may_name(self, held: bytes) -> bool:
        if b"\\u" in held or any(needle in held for needle in self._needles):
            return True
        text = held.decode("utf-8", "replace").lower() if self._beyond_ascii else ""
        return any(name in text for name in self._beyond_ascii)

    def _further(self, result: Event | Refusal, entry: Entry) -> Names | None:
        """None where it adds none: a computation only repeats what it knows."""
        if isinstance(result, Refusal) or entry.source == COMPUTED_SOURCE:
            return None
        if entry.received_us > self._until_us:
            return None
        whose, emails = person_of(result), emails_of(result)
        before = result.previous_id
        if before and not {f"u:{before}", f"a:{before}"}.isdisjoint(self._person.keys):
            names = Names(frozenset({whose}), frozenset(emails)).without(self._person)
        else:
            names = self._person.further(whose, emails)
        return names if names.keys or names.emails else None


class Finder:
    """Looks for one request; names that it finds on the way are added to the request's person."""

    def __init__(self, transaction: Transaction, row: ForgettingRow, pseudonyms: Pseudonyms) -> None:
        assert row.person is not None
        self._transaction, self._row, self._pseudonyms = transaction, row, pseudonyms
        self._person = row.person

    def look_at(self, partition: int, entries: Sequence[Stored]) -> list[tuple[Stored, str]]:
        """The person's among these entries of the log, with the message id of each."""
        search = Search(self._person, self._row.asked_us)
        found = search.theirs(partition, entries)
        place = self._row.place
        place["mentions"] = place.get("mentions", 0) + search.mentions
        self.add(search.further(self._transaction.reading.receipts))
        return [(stored, result.message_id) for stored, result in found]

    def look_at_events(self, after: int, limit: int) -> int | None:
        """Note the person's among the next events of the ledger; the last one looked at, None at the end."""
        digests = frozenset(self._pseudonyms.of(key) for key in self._person.keys)
        receipts, search = self._transaction.reading.receipts, Search(self._person, self._row.asked_us)
        found = receipts.find(digests, self._person, after, limit)
        theirs = {*found.events, *search.theirs_among(found.kept)}
        self._transaction.forgetting.note(self._row.id, theirs)
        self._transaction.forgetting.unresolve(set(found.resolved) - theirs, self._person.emails)
        self.add(search.further(receipts))
        return found.last

    def add(self, further: Names) -> None:
        """Add names to the person: no event with them passes any more, and all is to be looked at again."""
        if further.keys or further.emails:
            person = self._person
            self._become(further.keys.union(person.keys), further.emails.union(person.emails))
            self._row.place["again"] = True

    def begins_anew(self) -> bool:
        """Whether all is to be looked at once more, since names were found; then for whoever else is known
        by them, too.
        """
        if not self._row.place.get("again"):
            return False
        self._become(*self._transaction.reading.receipts.someone(self._person.keys, self._person.emails))
        self._row.place = {}
        if self._row.log_gone_us is not None:  # the log still has what was found, and it is counted again
            self._row.counts["log_entries"] = 0
        return True

    def _become(self, keys: Collection[str], emails: Collection[str]) -> None:
        self._person.keys, self._person.emails = tuple(sorted(keys)), tuple(sorted(emails))
        forgetting = self._transaction.forgetting
        forgetting.suppress(self._row.id, [self._pseudonyms.of(name) for name in self._person.names])
        forgetting.hold(self._person)
