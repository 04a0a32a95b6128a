"""Keys: a record that is known by several is one, from the moment that this is known.

Which keys there are, and which of them is the stronger, the destinations say. What is decided here is what
follows: two records found to be one are joined, unless a stronger key tells them apart; and a key that two
records claim finds neither of them any more.
"""

from collections.abc import Iterable, Sequence

import msgspec

from gainstage.operation import Record
from gainstage.sqlite import Database
from gainstage.store.records import KnownNames, Records
from gainstage.store.rows import Place, RecordRow, State

#: Stands before the key of a record that is known by a contested key only.
CONTESTED = "?"
JOINED_A_TURN = 100
_json = msgspec.json.Encoder().encode


class Keys:
    """The part of a transaction that knows which records are one."""

    def __init__(self, connection: Database, known: KnownNames) -> None:
        self._connection = connection
        self._known = known
        self._records = Records(connection, known)

    def identify(
        self, tenant_id: int, record: Record, keys: Sequence[str] = (), kinds: Sequence[str] = ()
    ) -> Place:
        """The place of a record that an event names by these keys, the strongest first.

        `kinds` (what stands before the colon of a key) are in the order of their strength. Keys not met
        before become keys of the record; other records that are known by one of them are joined with it, or
        contest the key.
        """
        if len(keys) < 2:
            return self._records.place(tenant_id, record)
        found = {key: self._records.find(tenant_id, Record(record.object, key)) for key in keys}
        place = next((at for key, at in found.items() if at and self._is_meant(at, key, keys, kinds)), None)
        if place is None:
            place = self._records.place(tenant_id, Record(record.object, keys[0]))
        for key in keys:
            other = self._records.find(tenant_id, Record(record.object, key))
            if other is None:
                self._name(tenant_id, place, key)
            elif other.number != place.number:
                if self._may_be_one(place, other, key, kinds):
                    self._note(other.number, place.number)
                else:
                    self._claim(tenant_id, place, key)
                    self._contest(tenant_id, other, key)
        return place

    def attach(self, number: int, keys: Iterable[str]) -> bool:
        """The vendor says that the record has these keys: whoever else has one of them is the same.

        True where somebody has.
        """
        tenant_id, object_ = self._of(number)
        joins = False
        self._claim_again(tenant_id, object_, number)
        for key in keys:
            other = self._records.find(tenant_id, Record(object_, key))
            if other is None:
                self._name(tenant_id, Place(number, self._records.record(number).record), key)
            elif other.number != number:
                self._note(other.number, number)
                joins = True
        return joins

    def tells_apart(self, number: int, told: Sequence[str], kinds: Sequence[str]) -> bool:
        """Whether keys of these kinds say that the record is not the one with the keys that were told: it has
        others itself, or a record that is known by one of them has.
        """
        tenant_id, object_ = self._of(number)
        found = (self._records.find(tenant_id, Record(object_, key)) for key in told)
        others = {place.number for place in found if place} - {number}
        mine = _by_kind(self._of_all([number]))
        return any(_differ(mine, _by_kind(theirs), kinds) for theirs in (told, self._of_all(others)))

    def _of_all(self, numbers: Iterable[int]) -> list[str]:
        """The keys of records, and of those that they are to be joined with."""
        known, waiting = set(numbers), list(numbers)
        while waiting:
            rows = self._connection.execute(
                "SELECT record_id, into_id FROM joining WHERE ?1 IN (record_id, into_id)", (waiting.pop(),)
            ).fetchall()
            new = {int(number) for row in rows for number in row} - known
            known |= new
            waiting += sorted(new)
        return [key for number in sorted(known) for key in self.of(number)]

    def void(self, number: int, keys: Iterable[str]) -> None:
        """The vendor says that the record no longer has these keys."""
        tenant_id, object_ = self._of(number)
        for key in keys:
            self._connection.execute(
                "DELETE FROM record_key WHERE tenant_id = ? AND object = ? AND key = ? AND record_id = ? "
                "AND role = 0",
                (tenant_id, object_, key, number),
            )
            self._known.places.pop((tenant_id, object_, key), None)

    def of(self, number: int) -> tuple[str, ...]:
        """Every key by which a record is found, its own first."""
        rows = self._connection.execute(
            "SELECT key FROM record WHERE id = ?1 UNION ALL SELECT key FROM record_key WHERE record_id = ?1 "
            "AND role < 2",
            (number,),
        )
        return tuple(dict.fromkeys(key for (key,) in rows if not key.startswith(CONTESTED)))

    def joinable(self) -> list[tuple[int, int]]:
        """Pairs of records that are one and of which no call is under way."""
        rows = self._connection.execute(
            "SELECT record_id, into_id FROM joining JOIN record AS a ON a.id = record_id "
            "JOIN record AS b ON b.id = into_id "
            "WHERE a.leased_until_us = 0 AND b.leased_until_us = 0 LIMIT ?",
            (JOINED_A_TURN,),
        )
        return [(int(one), int(other)) for one, other in rows]

    def join(self, one: int, other: int) -> tuple[Place, State]:
        """Make two records one; returns it, and those of its values that the vendor may have overwritten
        by older ones: they are to be written again.
        """
        rows = self._records.records((one, other))
        stays, goes = rows[other], rows[one]
        if (bool(goes.facts), -goes.id) > (bool(stays.facts), -stays.id):
            stays, goes = goes, stays
        state, again = _combined(stays.state, goes.state)
        self._connection.execute(
            "UPDATE record SET state = ?1, facts = ?2, fence = max(fence, theirs.f) + 1, "
            "in_doubt = in_doubt OR theirs.d, holder = CASE WHEN unsure THEN holder ELSE theirs.h END, "
            "unsure = unsure OR theirs.u FROM (SELECT fence AS f, in_doubt AS d, holder AS h, unsure AS u "
            "FROM record WHERE id = ?3) AS theirs WHERE id = ?4",
            (_json(state), _json({**goes.facts, **stays.facts}), goes.id, stays.id),
        )
        self._records.abandon(stays.id, goes.abandoned)
        self._move(goes, stays)
        return Place(stays.id, stays.record), again

    def _move(self, goes: RecordRow, stays: RecordRow) -> None:
        """Hand everything of a record to another, its keys too."""
        pair = (stays.id, goes.id)
        self._connection.execute("UPDATE operation SET record_id = ? WHERE record_id = ?", pair)
        self._connection.execute(
            "INSERT INTO lane SELECT destination_id, ?1, object, priority, due_us, attempts, "
            "code, detail, take FROM lane WHERE record_id = ?2 "
            "ON CONFLICT (destination_id, record_id) "
            "DO UPDATE SET priority = min(priority, excluded.priority), "
            "due_us = min(coalesce(due_us, excluded.due_us), coalesce(excluded.due_us, due_us)), "
            "take = min(coalesce(take, excluded.take), coalesce(excluded.take, take))",
            pair,
        )
        self._connection.execute("DELETE FROM lane WHERE record_id = ?", (goes.id,))
        self._connection.execute("UPDATE record_key SET record_id = ? WHERE record_id = ?", pair)
        tenant_id, object_ = self._of(goes.id)
        self._connection.execute("DELETE FROM record WHERE id = ?", (goes.id,))
        for role in (0, 1):  # what events find by its key may be another record by now
            self._connection.execute(
                "INSERT OR IGNORE INTO record_key VALUES (?, ?, ?, ?, ?)",
                (tenant_id, object_, goes.record.key, stays.id, role),
            )
        for column in ("record_id", "into_id"):
            self._connection.execute(f"UPDATE OR REPLACE joining SET {column} = ? WHERE {column} = ?", pair)
        self._connection.execute("DELETE FROM joining WHERE record_id = into_id")
        self._connection.execute(
            "UPDATE record SET joining = EXISTS (SELECT 1 FROM joining WHERE ?1 IN (record_id, into_id)) "
            "WHERE id = ?1",
            (stays.id,),
        )
        self._known.clear()

    def _is_meant(self, place: Place, key: str, keys: Sequence[str], kinds: Sequence[str]) -> bool:
        """Whether an event with these keys means the record that one of them found."""
        if place.record.key.startswith(CONTESTED):
            return key == keys[0]
        stronger = kinds[: _strength(key, kinds)]
        return not _differ(_by_kind(keys), _by_kind(self._of_all([place.number])), stronger)

    def _may_be_one(self, place: Place, other: Place, key: str, kinds: Sequence[str]) -> bool:
        """Whether a key is enough to say that two records are one: no stronger one tells them apart, and
        nothing that the vendor told.
        """
        if other.record.key.startswith(CONTESTED):
            return False
        mine, theirs = (_by_kind(self._of_all([one.number])) for one in (place, other))
        if _differ(mine, theirs, kinds[: _strength(key, kinds)]):
            return False
        facts, told = self._records.record(place.number).facts, self._records.record(other.number).facts
        return all(facts[name] == told[name] for name in facts.keys() & told.keys())

    def _contest(self, tenant_id: int, other: Place, key: str) -> None:
        """Two records claim a key: it finds neither of them, but one that is known by nothing else."""
        if other.record.key.startswith(CONTESTED):
            return
        self._claim(tenant_id, other, key)
        record = Record(other.record.object, CONTESTED + key)
        while self._records.find(tenant_id, record) is not None:  # that one was joined with another
            record = record._replace(key=CONTESTED + record.key)
        place = self._records.place(tenant_id, record)
        self._connection.execute(
            "INSERT INTO record_key VALUES (?1, ?2, ?3, ?4, 0) "
            "ON CONFLICT (tenant_id, object, key, role) DO UPDATE SET record_id = ?4",
            (tenant_id, record.object, key, place.number),
        )
        self._known.places[tenant_id, record.object, key] = place

    def _claim(self, tenant_id: int, place: Place, key: str) -> None:
        """Remember who claims a contested key: once the vendor has the record, it is contested again, should
        the vendor have known one of the others alone until then.
        """
        self._connection.execute(
            "INSERT OR IGNORE INTO record_key VALUES (?, ?, ?, ?, 2)",
            (tenant_id, place.record.object, f"{place.number} {key}", place.number),
        )

    def _claim_again(self, tenant_id: int, object_: str, number: int) -> None:
        rows = self._connection.execute(
            "DELETE FROM record_key WHERE record_id = ? AND role = 2 RETURNING key", (number,)
        ).fetchall()
        for (claim,) in rows:
            key = claim.partition(" ")[2]
            other = self._records.find(tenant_id, Record(object_, key))
            if other is not None and other.number != number:
                self._contest(tenant_id, other, key)

    def _name(self, tenant_id: int, place: Place, key: str) -> None:
        name = (tenant_id, place.record.object, key)
        self._connection.execute("INSERT INTO record_key VALUES (?, ?, ?, ?, 0)", (*name, place.number))
        self._known.places[name] = place

    def _note(self, one: int, other: int) -> None:
        """Two records are one; until they are joined no call is begun for either."""
        pair = (min(one, other), max(one, other))
        self._connection.execute("INSERT OR IGNORE INTO joining VALUES (?, ?)", pair)
        self._connection.execute("UPDATE record SET joining = 1 WHERE id IN (?, ?)", pair)

    def _of(self, number: int) -> tuple[int, str]:
        row = self._connection.execute("SELECT tenant_id, object FROM record WHERE id = ?", (number,))
        tenant_id, object_ = row.fetchone()
        return int(tenant_id), str(object_)


def _by_kind(keys: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key in keys:
        found.setdefault(key.partition(":")[0], set()).add(key)
    return found


def _strength(key: str, kinds: Sequence[str]) -> int:
    kind = key.partition(":")[0]
    return kinds.index(kind) if kind in kinds else len(kinds)


def _differ(mine: dict[str, set[str]], theirs: dict[str, set[str]], kinds: Sequence[str]) -> bool:
    """Whether both have a key of one of the kinds, and none in common."""
    return any(mine.get(kind) and theirs.get(kind) and mine[kind].isdisjoint(theirs[kind]) for kind in kinds)


def _combined(one: State, other: State) -> tuple[State, State]:
    """The newest values of two records that are one, and those of them that the vendor may not hold: it
    holds what was confirmed last.
    """
    state, again = dict(one), {}
    for name, entry in other.items():
        if name not in state:
            state[name] = entry
            continue
        older, newer = sorted((state[name], entry), key=lambda given: given[0])
        if older[1] == newer[1]:
            state[name] = [newer[0], newer[1], max(older[2], newer[2])]
        elif newer[2] > older[2] > 0:
            state[name] = newer
        else:
            state[name] = again[name] = [newer[0], newer[1], 0]
    return state, again
