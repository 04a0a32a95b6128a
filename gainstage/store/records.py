"""Records: what the vendor confirmed of each, what it told, and who is at work on it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gainstage.operation import Record
from gainstage.sqlite import Database
from gainstage.store.rows import Abandoned, Place, RecordRow, State

#: What the call under way was to bring, be it sent or not. An append counts only where a call was made: it is
#: not to be repeated.
_DOUBT_CARRIED = """
UPDATE operation SET in_doubt = in_doubt + 1
    WHERE id IN (SELECT value FROM json_each((SELECT carried FROM record WHERE id = ?1)))
    AND (kind = 0 OR EXISTS
        (SELECT 1 FROM call_event JOIN call ON call.id = call_id
         WHERE call_event.event_id = operation.event_id AND call.destination_id = operation.destination_id
         AND answered_us IS NULL))
"""
#: As events find it: by a further key, else by its own.
_FIND = """
SELECT id, key FROM record WHERE id = coalesce(
    (SELECT record_id FROM record_key WHERE tenant_id = ?1 AND object = ?2 AND key = ?3 AND role = 0),
    (SELECT id FROM record WHERE tenant_id = ?1 AND object = ?2 AND key = ?3))
"""
#: As links name it: by its own key, else by the one that it had before it was joined into another.
_NAMED = """
SELECT id, key FROM record WHERE id = coalesce(
    (SELECT id FROM record WHERE tenant_id = ?1 AND object = ?2 AND key = ?3),
    (SELECT record_id FROM record_key WHERE tenant_id = ?1 AND object = ?2 AND key = ?3 AND role = 1))
"""
_json = msgspec.json.Encoder().encode


class KnownNames:
    """What a handle on the store remembers between transactions, until one is rolled back."""

    def __init__(self) -> None:
        #: By tenant, object and key.
        self.places: dict[tuple[int, str, str], Place] = {}
        #: The same for what links name.
        self.named: dict[tuple[int, str, str], Place] = {}
        #: By tenant: the keys of records that were joined into others, and those of the others.
        self.folded: dict[int, dict[str, str]] | None = None
        #: Event names that a tenant has room for, by tenant and digest.
        self.admitted: set[tuple[int, bytes]] = set()

    def clear(self) -> None:
        """Remember nothing."""
        self.places.clear()
        self.named.clear()
        self.folded = None
        self.admitted.clear()


def renamed(fields: Mapping[str, Any], folded: Mapping[str, str]) -> dict[str, Any]:
    """Fields whose links (`companies[name:Acme].Role`) name records by the keys that they have now."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        before, bracket, rest = name.partition("[")
        key, end, after = rest.rpartition("]")
        if bracket and key in folded:
            found[f"{before}[{folded[key]}{end}{after}"] = value
        else:
            found.setdefault(name, value)
    return found


class Records:
    """The part of a transaction that knows the records."""

    def __init__(self, connection: Database, known: KnownNames) -> None:
        self._connection = connection
        self._known = known

    def place(self, tenant_id: int, record: Record) -> Place:
        """Where a record is kept, by any of its keys; a place is made for one not met before."""
        place = self.find(tenant_id, record)
        if place is None:
            name = (tenant_id, *record)
            self._connection.execute("INSERT INTO record (tenant_id, object, key) VALUES (?, ?, ?)", name)
            place = self._known.places[name] = Place(int(self._connection.last_insert_rowid()), record)
        return place

    def find(self, tenant_id: int, record: Record) -> Place | None:
        """Where a record is kept; None where none is known by the key."""
        name = (tenant_id, *record)
        place = self._known.places.get(name)
        if place is None:
            row = self._connection.execute(_FIND, name).fetchone()
            if row is None:
                return None
            place = self._known.places[name] = Place(int(row[0]), Record(record.object, row[1]))
        return place

    def named(self, tenant_id: int, record: Record) -> Place | None:
        """The record that a link names, or that an operation follows; None where there is none."""
        name = (tenant_id, *record)
        place = self._known.named.get(name)
        if place is None:
            row = self._connection.execute(_NAMED, name).fetchone()
            if row is None:
                return None
            place = self._known.named[name] = Place(int(row[0]), Record(record.object, row[1]))
        return place

    def record_number(self, tenant_id: int, record: Record) -> int:
        """The local number of a record, given at first sight."""
        return self.place(tenant_id, record).number

    def record(self, number: int) -> RecordRow:
        """A record with what is known of it."""
        return self.records([number])[number]

    def records(self, numbers: Iterable[int]) -> dict[int, RecordRow]:
        """Records by number, with what is known of each."""
        rows = self._connection.executemany(
            "SELECT id, object, key, state, facts, in_doubt, fence, leased_until_us, joining, abandoned, "
            "unsure * holder, tenant_id FROM record WHERE id = ?",
            ((number,) for number in numbers),
        )
        return {
            number: RecordRow(
                number,
                Record(object_, key),
                self._renamed(tenant_id, msgspec.json.decode(state)) if state else {},
                msgspec.json.decode(facts) if facts else {},
                bool(in_doubt),
                fence,
                leased_until_us > 0,
                bool(joining),
                self._renamed(tenant_id, msgspec.json.decode(abandoned)) if abandoned else {},
                unsure_of,
            )
            for (
                number,
                object_,
                key,
                state,
                facts,
                in_doubt,
                fence,
                leased_until_us,
                joining,
                abandoned,
                unsure_of,
                tenant_id,
            ) in rows
        }

    def facts(self, tenant_id: int, record: Record) -> dict[str, Any]:
        """What the vendor told about a record that a link names; empty where nothing is known."""
        place = self.named(tenant_id, record)
        if place is None:
            return {}
        row = self._connection.execute("SELECT facts FROM record WHERE id = ?", (place.number,)).fetchone()
        facts: dict[str, Any] = msgspec.json.decode(row[0]) if row and row[0] else {}
        return facts

    def folded(self, tenant_id: int) -> Mapping[str, str]:
        """Keys of records that were joined into others, with the keys of those; mostly there are none."""
        if self._known.folded is None:
            self._known.folded = {}
            for tenant, old, new in self._connection.execute(
                "SELECT record_key.tenant_id, record_key.key, record.key FROM record_key "
                "JOIN record ON record.id = record_id WHERE role = 1"
            ):
                self._known.folded.setdefault(tenant, {})[old] = new
        return self._known.folded.get(tenant_id, {})

    def _renamed(self, tenant_id: int, state: State) -> State:
        """A record's state with its links under the keys of today; of two values of one the newer counts."""
        folded = self.folded(tenant_id)
        if not folded:
            return state
        found: State = {}
        for name, entry in state.items():
            (name,) = renamed({name: None}, folded)
            if name not in found or found[name][0] < entry[0]:
                found[name] = entry
        return found

    def write_state(self, number: int, state: State) -> None:
        """Keep what is known of a record's fields."""
        self._connection.execute("UPDATE record SET state = ? WHERE id = ?", (_json(state), number))

    def abandon(self, number: int, values: Abandoned) -> None:
        """Note values that a call may have written, and that nothing asks for any more; the newest of each
        field.
        """
        known = self.record(number).abandoned
        for name, entry in values.items():
            if name not in known or known[name][0] < entry[0]:
                known[name] = entry
        self._write_abandoned(number, known)

    def silence(self, number: int, fields: Iterable[str], event_id: int) -> None:
        """These fields are left out, neither said anew nor said as it was before, until a call for this event
        shows whose fault a refusal was; 0 ends that.
        """
        known = self.record(number).abandoned
        for name in fields:
            if name in known:
                known[name] = [*known[name][:2], *([event_id] if event_id else [])]
        self._write_abandoned(number, known)

    def recall(self, number: int, fields: Iterable[str]) -> None:
        """These fields were said anew, or need not be: what may have been written of them is forgotten."""
        known = self.record(number).abandoned
        for name in fields:
            known.pop(name, None)
        self._write_abandoned(number, known)

    def _write_abandoned(self, number: int, values: Abandoned) -> None:
        content = _json(values) if values else None
        self._connection.execute("UPDATE record SET abandoned = ? WHERE id = ?", (content, number))

    def learn(self, number: int, facts: dict[str, Any]) -> dict[str, Any]:
        """Merge facts into the record's; None forgets one. Returns what was known of them before."""
        known = self.record(number).facts
        before = {name: known.get(name) for name in facts}
        for name, value in facts.items():
            if value is None:
                known.pop(name, None)
            else:
                known[name] = value
        self._connection.execute("UPDATE record SET facts = ? WHERE id = ?", (_json(known), number))
        return before

    def forget(self, number: int) -> State:
        """The vendor no longer has the record: its facts are void, and so is what was confirmed.

        A call for it that is under way records nothing: its answer would confirm anew what went with the
        record. It counts as lost, when its lease is over. Returns the values that are known of the record.
        """
        state = self.record(number).state
        for value in state.values():
            value[2] = 0
        self._connection.execute(
            "UPDATE record SET state = ?, facts = NULL, abandoned = NULL, "
            "fence = fence + (leased_until_us > 0) WHERE id = ?",
            (_json(state), number),
        )
        return state

    # leases

    def lease(
        self, records: Iterable[tuple[RecordRow, Sequence[int]]], destination_id: int, until_us: int
    ) -> None:
        """Take records for calls of a destination that are to bring these operations; the `next_fence` of
        each must still hold when its answer is recorded.
        """
        self._connection.executemany(
            "UPDATE record SET fence = ?1, leased_until_us = ?2, unsure = unsure AND holder = ?3, "
            "holder = ?3, carried = ?5 WHERE id = ?4",
            (
                (row.next_fence, until_us, destination_id, row.id, _json(operations))
                for row, operations in records
            ),
        )

    def extend(self, number: int, fence: int, until_us: int) -> bool:
        """Prolong a lease; False when it was lost."""
        self._connection.execute(
            "UPDATE record SET leased_until_us = ? WHERE id = ? AND fence = ? AND leased_until_us > 0",
            (until_us, number, fence),
        )
        return self._connection.changes() == 1

    def release(
        self,
        number: int,
        fence: int,
        *,
        in_doubt: bool | None,
        unsure: bool = False,
        confirmed: Iterable[int] = (),
        state: State | None = None,
        occupied: bool = False,
    ) -> bool:
        """Give the record back, with its state if a call confirmed one; False when the lease was lost.

        `in_doubt`: an answer was lost; None leaves it as it is. `unsure`: the call may have written values
        without confirming them; that ends when all operations that it carried are among the `confirmed`.
        `occupied`: the vendor may still be at work on it, see `occupy`.
        """
        known = _json(state) if state is not None else None
        self._connection.execute(
            "UPDATE record SET leased_until_us = 0, occupied_until_us = occupied_until_us * ?, "
            "in_doubt = coalesce(?, in_doubt), "
            "unsure = ? OR unsure AND EXISTS (SELECT 1 FROM operation WHERE record_id = record.id AND "
            "destination_id = holder AND kind = 0 AND operation.in_doubt > 0 AND operation.id NOT IN "
            "(SELECT value FROM json_each(?))), state = coalesce(?, state) "
            "WHERE id = ? AND fence = ? AND leased_until_us > 0",
            (occupied, in_doubt, unsure, _json(tuple(confirmed)).decode(), known, number, fence),
        )
        return self._connection.changes() == 1

    def occupy(self, numbers: Iterable[int], until_us: int) -> None:
        """The vendor may carry out an asynchronous call until then: nobody's turn comes before, also when the
        lease is lost.
        """
        self._connection.executemany(
            "UPDATE record SET occupied_until_us = ? WHERE id = ?", ((until_us, number) for number in numbers)
        )

    def vacate(self, now_us: int) -> None:
        """Where that time has passed, turns come again."""
        self._connection.execute(
            "UPDATE record SET occupied_until_us = 0 WHERE occupied_until_us > 0 AND occupied_until_us <= ?",
            (now_us,),
        )

    def expire(self, before_us: int, held: Iterable[int] = ()) -> list[int]:
        """End leases that ran out, but those of records `held`; returns them. Their calls are unknown."""
        rows = self._connection.execute(
            "SELECT id FROM record WHERE leased_until_us > 0 AND leased_until_us <= ?", (before_us,)
        ).fetchall()
        ended = [int(number) for (number,) in rows]
        if ended:
            spared = set(held)
            ended = [number for number in ended if number not in spared]
        for number in ended:
            state = self.record(number).state
            for value in state.values():
                value[2] = 0
            self.write_state(number, state)
            self._connection.execute(
                "UPDATE record SET leased_until_us = 0, fence = fence + 1, in_doubt = 1, unsure = 1 "
                "WHERE id = ?",
                (number,),
            )
            self._connection.execute(_DOUBT_CARRIED, (number,))
        return ended
