"""History that is sent again: replays, how far each has come, and what is on its way for it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gainstage.reason import WORDS
from gainstage.sqlite import Database
from gainstage.store.replay import (
    CANCELLED,
    DONE,
    RUNNING,
    Asked,
    Carried,
    Entered,
    Part,
    Replay,
    Standing,
    Tally,
)
from gainstage.store.rows import PENDING

#: Ended replays that are kept to be looked at.
KEPT = 100

_encode = msgspec.json.Encoder().encode
_asked = msgspec.json.Decoder(Asked)
_tally = msgspec.json.Decoder(Tally)
_CARRIED = "event_id, destination_id, replay_id, word, code, detail, until_us, appends, held"


class Told:
    """Replays as they stand."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def get(self, number: int) -> Replay | None:
        """A replay as it stands; None where there is none of this number."""
        found = self._replays("WHERE id = ?", number)
        return found[0] if found else None

    def all(self, limit: int) -> list[Replay]:
        """The newest replays, the newest first."""
        return self._replays("ORDER BY id DESC LIMIT ?", limit)

    def active(self) -> list[tuple[int, int]]:
        """(number, state) of those that something is to be done for, the oldest first."""
        rows = self._connection.execute(
            "SELECT id, state FROM replay WHERE state = 0 "
            "OR EXISTS (SELECT 1 FROM replayed WHERE replay_id = replay.id AND held = 0) "
            "OR state = 2 AND EXISTS (SELECT 1 FROM replayed WHERE replay_id = replay.id AND held = 1) "
            "ORDER BY id"
        )
        return [(int(number), int(state)) for number, state in rows]

    def _replays(self, which: str, value: int) -> list[Replay]:
        rows = self._connection.execute(
            "SELECT id, state, created_us, ended_us, begins_us, asked, tally, "
            "(SELECT count(*) FROM replayed WHERE replay_id = replay.id AND held = 0), "
            "(SELECT count(*) FROM replayed WHERE replay_id = replay.id AND held = 1) "
            f"FROM replay {which}",
            (value,),
        ).fetchall()
        found = []
        for row in rows:
            values = [*row[:5], _asked.decode(row[5]), _tally.decode(row[6]), self._parts(row[0]), *row[7:]]
            found.append(Replay(*values))
        return found

    def _parts(self, number: int) -> tuple[Part, ...]:
        rows = self._connection.execute(
            'SELECT partition, "offset", until_offset FROM replay_part WHERE replay_id = ? '
            "ORDER BY partition",
            (number,),
        )
        return tuple(Part(*row) for row in rows)


class Replays(Told):
    """The part of a transaction that sends history again."""

    def begin(self, asked: Asked, ends: Mapping[int, int], now_us: int) -> int:
        """A new replay, running, of each partition up to an offset; its number, given once."""
        self._connection.execute(
            "DELETE FROM replay WHERE state >= 2 AND id NOT IN "
            "(SELECT id FROM replay WHERE state >= 2 ORDER BY id DESC LIMIT ?) "
            "AND NOT EXISTS (SELECT 1 FROM replayed WHERE replay_id = replay.id)",
            (KEPT - 1,),
        )
        self._connection.execute("DELETE FROM replay_part WHERE replay_id NOT IN (SELECT id FROM replay)")
        self._connection.execute(
            "INSERT INTO replay (state, created_us, asked, tally) VALUES (?, ?, ?, ?)",
            (RUNNING, now_us, _encode(asked), b"{}"),
        )
        number = int(self._connection.last_insert_rowid())
        self._connection.executemany(
            "INSERT INTO replay_part VALUES (?, ?, 0, ?)",
            ((number, partition, end) for partition, end in ends.items()),
        )
        return number

    def change(self, number: int, state: int, now_us: int) -> bool:
        """Give a replay another state; False where it has ended, or has that state. Whose events it was about
        is forgotten when it ends.
        """
        replay = self.get(number)
        if replay is None or replay.state in (CANCELLED, DONE, state):
            return False
        asked, ended_us = replay.asked, 0
        if state in (CANCELLED, DONE):
            ended_us = now_us
            if asked.user:
                asked = msgspec.structs.replace(asked, user="***", ids=(), emails=())
        self._connection.execute(
            "UPDATE replay SET state = ?, ended_us = ?, asked = ? WHERE id = ?",
            (state, ended_us, _encode(asked), number),
        )
        return True

    def cancel_of(self, ids: Iterable[str], emails: Iterable[str]) -> None:
        """Cancel replays that were asked for of a person who is to be forgotten."""
        for (number,) in self._connection.execute("SELECT id FROM replay WHERE state < 2").fetchall():
            replay = self.get(number)
            if (
                replay is not None
                and replay.asked.user
                and (set(replay.asked.ids) & set(ids) or set(replay.asked.emails) & set(emails))
            ):
                self.change(number, CANCELLED, replay.created_us)

    def advance(self, number: int, partition: int, expected: int, offset: int) -> bool:
        """Go on to an offset, if the replay is running and still stands at `expected`."""
        self._connection.execute(
            'UPDATE replay_part SET "offset" = ? WHERE replay_id = ? AND partition = ? AND "offset" = ? '
            "AND EXISTS (SELECT 1 FROM replay WHERE id = replay_id AND state = 0)",
            (offset, number, partition, expected),
        )
        return self._connection.changes() == 1

    def begins(self, number: int, begins_us: int) -> None:
        """The log has nothing older."""
        self._connection.execute(
            "UPDATE replay SET begins_us = max(begins_us, ?) WHERE id = ?", (begins_us, number)
        )

    def count(self, number: int, tally: Tally) -> None:
        """Add to the counts."""
        row = self._connection.execute("SELECT tally FROM replay WHERE id = ?", (number,)).fetchone()
        if row is None or not tally:
            return
        known = _tally.decode(row[0])
        for name, n in tally.items():
            known[name] = known.get(name, 0) + n
        self._connection.execute("UPDATE replay SET tally = ? WHERE id = ?", (_encode(known), number))

    def carry(self, deliveries: Iterable[Carried]) -> None:
        """These are on their way again."""
        self._connection.executemany(
            f"INSERT OR REPLACE INTO replayed ({_CARRIED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            map(msgspec.structs.astuple, deliveries),
        )

    def carried(self, event_id: int, destination_id: int) -> Carried | None:
        """What the delivery was, if a replay carries it."""
        row = self._connection.execute(
            f"SELECT {_CARRIED} FROM replayed WHERE event_id = ? AND destination_id = ?",
            (event_id, destination_id),
        ).fetchone()
        return _carried_in(row) if row else None

    def carried_by(self, number: int, after: tuple[int, int], limit: int, *, held: bool) -> Sequence[Carried]:
        """Deliveries of a replay above (event, destination), on their way or withdrawn."""
        rows = self._connection.execute(
            f"SELECT {_CARRIED} FROM replayed WHERE replay_id = ? AND held = ? "
            "AND (event_id, destination_id) > (?, ?) ORDER BY event_id, destination_id LIMIT ?",
            (number, held, *after, limit),
        )
        return [_carried_in(row) for row in rows]

    def hold(self, delivery: Carried) -> None:
        """It was withdrawn until the replay goes on."""
        self._held(delivery, held=True)

    def send(self, delivery: Carried) -> None:
        """It is on its way again."""
        self._held(delivery, held=False)

    def _held(self, delivery: Carried, *, held: bool) -> None:
        self._connection.execute(
            "UPDATE replayed SET held = ? WHERE event_id = ? AND destination_id = ?",
            (held, delivery.event_id, delivery.destination_id),
        )

    def drop(self, delivery: Carried) -> None:
        """The replay has to do with it no more."""
        self._connection.execute(
            "DELETE FROM replayed WHERE event_id = ? AND destination_id = ?",
            (delivery.event_id, delivery.destination_id),
        )

    def untouched(self, event_id: int, destination_id: int) -> bool:
        """Whether no call was made for the pending delivery, so that it can be withdrawn. Of one whose call
        failed the wait would be forgotten with it, which the vendor may have asked for.
        """
        row = self._connection.execute(
            "SELECT 1 FROM delivery WHERE event_id = ?1 AND destination_id = ?2 AND word = 4 AND code != '-' "
            "AND open = (SELECT count(*) FROM operation WHERE operation.event_id = ?1 "
            "AND operation.destination_id = ?2) "
            "AND NOT EXISTS (SELECT 1 FROM operation JOIN record ON record.id = record_id "
            "WHERE operation.event_id = ?1 AND operation.destination_id = ?2 "
            "AND (operation.in_doubt > 0 OR failing_from_us IS NOT NULL OR leased_until_us > 0 "
            "OR occupied_until_us > 0))",
            (event_id, destination_id),
        ).fetchone()
        return row is not None

    def settle(self, number: int) -> int:
        """Count the outcomes of what has one by now, and carry it no more; how many."""
        rows = self._connection.execute(
            "SELECT replayed.event_id, replayed.destination_id, delivery.word FROM replayed "
            "LEFT JOIN delivery ON delivery.event_id = replayed.event_id "
            "AND delivery.destination_id = replayed.destination_id "
            "WHERE replay_id = ? AND held = 0 AND delivery.word IS NOT ?",
            (number, PENDING),
        ).fetchall()
        tally: Tally = {}
        for _, _, word in rows:
            name = "forgotten" if word is None else WORDS[word]
            tally[name] = tally.get(name, 0) + 1
        self._connection.executemany(
            "DELETE FROM replayed WHERE event_id = ? AND destination_id = ?", (row[:2] for row in rows)
        )
        self.count(number, tally)
        return len(rows)

    def routed(self, keys: Sequence[bytes]) -> dict[bytes, Entered]:
        """Events by the keys under which they were routed."""
        rows = self._connection.executemany(
            'SELECT key, id, partition, "offset", identity, run, code IS NOT NULL, entry '
            "FROM event LEFT JOIN edited ON edited.event_id = event.id WHERE key = ?",
            ((key,) for key in keys),
        )
        found = {}
        for key, *values in rows:
            values[5] = bool(values[5])
            found[key] = Entered(*values)
        return found

    def standing(self, event_ids: Iterable[int]) -> dict[tuple[int, int], Standing]:
        """What became of events so far, by event and destination."""
        rows = self._connection.executemany(
            "SELECT event_id, destination_id, word, code, detail, until_us FROM delivery WHERE event_id = ?",
            ((event_id,) for event_id in event_ids),
        )
        return {(row[0], row[1]): Standing(*row[2:]) for row in rows}


def _carried_in(row: tuple[Any, ...]) -> Carried:
    values = list(row)
    values[7:] = map(bool, values[7:])
    return Carried(*values)
