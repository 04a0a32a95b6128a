"""What events are called: names and property keys by source, near misses, and names that a tenant has."""

from collections.abc import Collection, Iterable
from hashlib import blake2b

import msgspec

from gainstage.sqlite import Database
from gainstage.store.rows import ROOM, KeyCount, NameCount, NamesUsed, NearMiss, Room, SourceCounts

_encode = msgspec.json.Encoder().encode
_decode_keys = msgspec.json.Decoder(dict[str, tuple[int, int]]).decode
_KEPT = ("names", "keys", "misses", "other_names", "other_misses")


class _Met:
    """Events of one name in this transaction."""

    def __init__(self, at_us: int) -> None:
        self.n = 0
        self.first_us = self.last_us = at_us
        self.keys: dict[str, int] = {}


class Vocabulary:
    """The part of a transaction that counts what events are called."""

    def __init__(self, connection: Database, admitted: set[tuple[int, bytes]], room: Room = ROOM) -> None:
        self._connection = connection
        self._room = room
        #: By tenant and digest; whoever owns it empties it when a transaction is rolled back.
        self._admitted = admitted
        self._used: dict[int, int] = {}
        self._met: dict[tuple[int, str, str], _Met] = {}
        self._misses: dict[tuple[int, str], tuple[str, int, int]] = {}

    def count(self, source_id: int, kind: str, name: str, keys: Collection[str], at_us: int) -> None:
        """Count an event and the keys of its properties."""
        met = self._met.get((source_id, kind, name))
        if met is None:
            met = self._met[source_id, kind, name] = _Met(at_us)
        met.n += 1
        met.last_us = at_us
        for key in keys:
            met.keys[key] = met.keys.get(key, 0) + 1

    def count_miss(self, source_id: int, key: str, meant: str, at_us: int) -> None:
        """Count a key of an `integrations` object that is nearly a destination's name."""
        _, n, _ = self._misses.get((source_id, key), (meant, 0, at_us))
        self._misses[source_id, key] = meant, n + 1, at_us

    def forget(self, source_id: int) -> None:
        """Count the source's events anew, from nothing."""
        for table in ("event_name", "near_miss", "vocabulary"):
            self._connection.execute(f"DELETE FROM {table} WHERE source_id = ?", (source_id,))

    def limit(self, limits: Iterable[tuple[int, int]]) -> None:
        """Keep, for those who read, how many distinct names each tenant may have; others have no limit."""
        self._connection.execute("DELETE FROM name_limit")
        self._connection.executemany("INSERT INTO name_limit VALUES (?, ?)", limits)

    def admit(self, tenant_id: int, name: str, most: int) -> bool:
        """Whether the tenant has the name already, or there is room for it, which it then takes for good.

        Of any number of processes that ask at once no more than `most` names are let in.
        """
        place = (tenant_id, blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest())
        if place in self._admitted:
            return True
        known = self._connection.execute(
            "SELECT 1 FROM tenant_name WHERE tenant_id = ? AND digest = ?", place
        ).fetchone()
        if known is None:
            if self._used_by(tenant_id) >= most:
                return False
            self._used[tenant_id] += 1
            self._connection.execute("INSERT INTO tenant_name VALUES (?, ?)", place)
        self._admitted.add(place)
        return True

    def _used_by(self, tenant_id: int) -> int:
        """How many names a tenant has; nobody else changes that before the transaction ends."""
        if tenant_id not in self._used:
            (self._used[tenant_id],) = self._connection.execute(
                "SELECT count(*) FROM tenant_name WHERE tenant_id = ?", (tenant_id,)
            ).fetchone()
        return self._used[tenant_id]

    def flush(self) -> None:
        """Write what was counted; part of the commit."""
        sources = {source_id for source_id, *_ in self._met} | {source_id for source_id, _ in self._misses}
        for source_id in sources:
            kept = self._kept(source_id)
            before = dict(kept)
            for (source, kind, name), met in self._met.items():
                if source == source_id:
                    self._write_name(source_id, kind, name, met, kept)
            for (source, key), miss in self._misses.items():
                if source == source_id:
                    self._write_miss(source_id, key, miss, kept)
            if kept != before:
                self._connection.execute(
                    "INSERT OR REPLACE INTO vocabulary (source_id, names, keys, misses, other_names, "
                    "other_misses) VALUES (?, ?, ?, ?, ?, ?)",
                    (source_id, *(kept[name] for name in _KEPT)),
                )
        self._met, self._misses = {}, {}

    def _kept(self, source_id: int) -> dict[str, int]:
        row = self._connection.execute(
            "SELECT names, keys, misses, other_names, other_misses FROM vocabulary WHERE source_id = ?",
            (source_id,),
        ).fetchone()
        return dict(zip(_KEPT, row or (0,) * len(_KEPT), strict=True))

    def _write_name(self, source_id: int, kind: str, name: str, met: _Met, kept: dict[str, int]) -> None:
        row = self._connection.execute(
            "SELECT id, keys FROM event_name WHERE source_id = ? AND kind = ? AND name = ?",
            (source_id, kind, name),
        ).fetchone()
        if row is None and (kept["names"] >= self._room.names or len(name) > self._room.name_characters):
            kept["other_names"] += met.n
            return
        keys = _decode_keys(row[1]) if row is not None else {}
        before = len(keys)
        others = self._add_keys(keys, met, kept["keys"])
        kept["keys"] += len(keys) - before
        if row is None:
            kept["names"] += 1
            self._connection.execute(
                "INSERT INTO event_name (source_id, kind, name, n, first_us, last_us, keys, other_keys) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (source_id, kind, name, met.n, met.first_us, met.last_us, _encode(keys), others),
            )
            return
        self._connection.execute(
            "UPDATE event_name SET n = n + ?, last_us = max(last_us, ?), keys = ?, "
            "other_keys = other_keys + ? WHERE id = ?",
            (met.n, met.last_us, _encode(keys), others, row[0]),
        )

    def _add_keys(self, keys: dict[str, tuple[int, int]], met: _Met, kept: int) -> int:
        """Add to the counts of a name's keys; returns how many properties found no room. `kept`: how many
        keys the source has.
        """
        others, full = 0, min(self._room.keys_a_name, len(keys) + self._room.keys - kept)
        for key, n in met.keys.items():
            known = keys.get(key)
            if known is not None:
                keys[key] = known[0] + n, max(known[1], met.last_us)
            elif len(keys) < full and len(key) <= self._room.key_characters:
                keys[key] = n, met.last_us
            else:
                others += n
        return others

    def _write_miss(self, source_id: int, key: str, miss: tuple[str, int, int], kept: dict[str, int]) -> None:
        meant, n, last_us = miss
        self._connection.execute(
            "UPDATE near_miss SET n = n + ?, last_us = max(last_us, ?), meant = ? "
            "WHERE source_id = ? AND key = ?",
            (n, last_us, meant, source_id, key),
        )
        if self._connection.changes():
            return
        if kept["misses"] >= self._room.misses or len(key) > self._room.key_characters:
            kept["other_misses"] += n
            return
        kept["misses"] += 1
        self._connection.execute(
            "INSERT INTO near_miss VALUES (?, ?, ?, ?, ?)", (source_id, key, meant, n, last_us)
        )


class Spoken:
    """What people and pages ask of it, within one view of the store."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def sources(self) -> list[SourceCounts]:
        """How much is kept of each source that has sent anything to be counted, by name."""
        rows = self._connection.execute(
            "SELECT source.name, names, keys, other_names, other_misses FROM vocabulary "
            "JOIN source ON source.id = source_id"
        )
        return sorted(SourceCounts(*row) for row in rows)

    def names(self, source: str) -> list[NameCount]:
        """Every name of a source's events with its keys, the most frequent first."""
        rows = self._connection.execute(
            "SELECT kind, event_name.name, n, first_us, last_us, other_keys, keys FROM source "
            "JOIN event_name ON source_id = source.id WHERE source.name = ?",
            (source,),
        )
        found = [NameCount._make((source, *row, _key_counts(keys))) for *row, keys in rows]
        return sorted(found, key=lambda one: (-one.n, one.kind, one.name))

    def near_misses(self) -> list[NearMiss]:
        """Keys of `integrations` that are nearly a destination's name, the most frequent first."""
        rows = self._connection.execute(
            "SELECT source.name, key, meant, n, last_us FROM near_miss JOIN source ON source.id = source_id"
        )
        return sorted((NearMiss(*row) for row in rows), key=lambda one: (-one.n, one.source, one.key))

    def used(self) -> list[NamesUsed]:
        """How many distinct names the tenants have that keep only so many."""
        rows = self._connection.execute(
            "SELECT tenant.name, (SELECT count(*) FROM tenant_name WHERE tenant_id = tenant.id), most "
            "FROM name_limit JOIN tenant ON tenant.id = tenant_id"
        )
        return sorted(NamesUsed(*row) for row in rows)


def _key_counts(keys: bytes) -> tuple[KeyCount, ...]:
    """The most frequent first."""
    counts = (KeyCount(key, *counted) for key, counted in _decode_keys(keys).items())
    return tuple(sorted(counts, key=lambda one: (-one.n, one.key)))
