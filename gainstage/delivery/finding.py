"""Finding what is a person's: in the history by their ids and e-mails, and further names in what is found
there.
"""

from collections.abc import Iterable, Sequence

from gainstage.event import Event, Refusal
from gainstage.log.contract import Entry, Stored
from gainstage.normalise import normalise
from gainstage.pseudonym import Pseudonyms, emails_of, person_of
from gainstage.store.contract import Transaction
from gainstage.store.forgetting_rows import ForgettingRow, Someone

#: Shorter names stand in too much that is not about the person: nobody looks for them in the files.
SHORTEST_TEXT = 6


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

    def __init__(self, person: Someone) -> None:
        self._person = person
        self._ids = frozenset(person.ids)
        names = (*person.ids, *person.emails)
        self._needles = [name.encode("utf-8", "surrogatepass").lower() for name in names]
        self._texts = texts_of(person)
        #: How often others' entries hold one of the person's names.
        self.mentions = 0

    def theirs(self, partition: int, entries: Iterable[Stored]) -> list[tuple[Stored, Event | Refusal]]:
        """The entries that are the person's, and what each holds."""
        found = []
        for stored in entries:
            entry = stored.entry
            held = (entry.surroundings + entry.body).lower()
            if not (
                entry.key in self._ids or b"\\u" in held or any(needle in held for needle in self._needles)
            ):
                continue
            result = normalise(f"{partition}-{stored.offset}", entry)
            if is_theirs(self._person, result, entry):
                found.append((stored, result))
            else:
                self.mentions += sum(held.count(text) for text in self._texts)
        return found


class Finder:
    """Looks through the history for one request; what it finds out on the way is kept with the request."""

    def __init__(self, transaction: Transaction, row: ForgettingRow, pseudonyms: Pseudonyms) -> None:
        assert row.person is not None
        self._transaction, self._row, self._pseudonyms = transaction, row, pseudonyms
        self._person = row.person

    def look_at(self, partition: int, entries: Sequence[Stored]) -> list[tuple[Stored, str]]:
        """The person's among these entries, with the message id of each."""
        search = Search(self._person)
        found = search.theirs(partition, entries)
        place = self._row.place
        place["mentions"] = place.get("mentions", 0) + search.mentions
        events = (result for _, result in found if isinstance(result, Event))
        told = {
            email for event in events if person_of(event) in self._person.keys for email in emails_of(event)
        }
        if new := told - set(self._person.emails):
            place["emails"] = sorted({*place.get("emails", ()), *new})
        return [(stored, result.message_id) for stored, result in found]

    def add_names(self) -> bool:
        """Add e-mails that the person had before, and who is known by them; True where there are any."""
        person = self._person
        emails = (*person.emails, *self._row.place.get("emails", ()))
        keys, emails = self._transaction.reading.receipts.someone(person.keys, emails)
        if set(keys) == set(person.keys) and set(emails) == set(person.emails):
            return False
        person.keys, person.emails = keys, emails
        forgetting = self._transaction.forgetting
        forgetting.suppress(self._row.id, [self._pseudonyms.of(name) for name in person.names])
        forgetting.hold(person)
        return True
