"""What events are called: names and property keys by source, near misses, and names that a tenant has."""

from collections.abc import Collection, Iterable
from hashlib import blake2b

from gainstage.sqlite import Database
from gainstage.store.rows import ROOM, KeyCount, NameCount, NamesUsed, NearMiss, Room, SourceCounts

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
        self._connection.execute(
            "DELETE FROM property_key WHERE name_id IN (SELECT id FROM event_name WHERE source_id = ?)",
            (source_id,),
        )
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
            (used,) = self._connection.execute(
                "SELECT count(*) FROM tenant_name WHERE tenant_id = ?", (tenant_id,)
            ).fetchone()
            if used >= most:
                return False
            self._connection.execute("INSERT INTO tenant_name VALUES (?, ?)", place)
        self._admitted.add(place)
        return True

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
            "UPDATE event_name SET n = n + ?, last_us = max(last_us, ?) "
            "WHERE source_id = ? AND kind = ? AND name = ? RETURNING id, keys",
            (met.n, met.last_us, source_id, kind, name),
        ).fetchone()
        if row is None:
            if kept["names"] >= self._room.names or len(name) > self._room.name_characters:
                kept["other_names"] += met.n
                return
            kept["names"] += 1
            self._connection.execute(
                "INSERT INTO event_name (source_id, kind, name, n, first_us, last_us) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (source_id, kind, name, met.n, met.first_us, met.last_us),
            )
            row = (self._connection.last_insert_rowid(), 0)
        self._write_keys(int(row[0]), int(row[1]), met, kept)

    def _write_keys(self, name_id: int, known: int, met: _Met, kept: dict[str, int]) -> None:
        """Add to the counts of keys; `known` of them are kept for the name already."""
        added = others = 0
        for key, n in met.keys.items():
            if len(key) > self._room.key_characters:
                others += n
                continue
            if known:
                self._connection.execute(
                    "UPDATE property_key SET n = n + ?, last_us = max(last_us, ?) "
                    "WHERE name_id = ? AND key = ?",
                    (n, met.last_us, name_id, key),
                )
                if self._connection.changes():
                    continue
            if known + added >= self._room.keys_a_name or kept["keys"] + added >= self._room.keys:
                others += n
                continue
            added += 1
            self._connection.execute(
                "INSERT INTO property_key VALUES (?, ?, ?, ?)", (name_id, key, n, met.last_us)
            )
        if added or others:
            kept["keys"] += added
            self._connection.execute(
                "UPDATE event_name SET keys = keys + ?, other_keys = other_keys + ? WHERE id = ?",
                (added, others, name_id),
            )

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
        keys: dict[int, list[KeyCount]] = {}
        rows = self._connection.execute(
            "SELECT name_id, key, property_key.n, property_key.last_us FROM source "
            "JOIN event_name ON source_id = source.id JOIN property_key ON name_id = event_name.id "
            "WHERE source.name = ?",
            (source,),
        )
        for name_id, *key in rows:
            keys.setdefault(name_id, []).append(KeyCount(*key))
        names = self._connection.execute(
            "SELECT event_name.id, kind, event_name.name, n, first_us, last_us, other_keys FROM source "
            "JOIN event_name ON source_id = source.id WHERE source.name = ?",
            (source,),
        )
        found = [
            NameCount._make((source, *row, tuple(sorted(keys.get(number, ()), key=_by_volume))))
            for number, *row in names
        ]
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


def _by_volume(one: KeyCount) -> tuple[int, str]:
    return -one.n, one.key
