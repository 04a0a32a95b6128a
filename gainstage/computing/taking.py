"""From archived rows to what computations read of them."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from gainstage.audiences.catalog import clauses, horizons, reads
from gainstage.audiences.definition import Clause, Computation
from gainstage.clock import DAY_US, SECOND_US
from gainstage.computing.names import merged
from gainstage.computing.workbench import Workbench
from gainstage.history.archive import Snapshot
from gainstage.history.relation import attach

#: Kept like a trait of people: the newest e-mail that any of their events told.
EMAIL = "[email]"
#: Always kept of accounts: calls about them bring it.
NAME = "name"
Feed = tuple[str, str]

#: What is read of the archive.
READ = (
    "message_id", "kind", "name", "person", "also", "account", "email", "time", "received", "place",
    "properties", "traits",
)  # fmt: skip
#: What orders events of one time: receipt, place in the request, message id.
TIE = "format('{:016x}{:06x}', epoch_us(received), place) || message_id"
EVENTS = f"""
CREATE OR REPLACE TEMP VIEW events AS SELECT person, time, {TIE} AS tie, name, properties FROM taken
WHERE name <> ''
"""
#: Up to how many seconds ago the events of a clause are kept, by its id.
HORIZON, ALWAYS = "horizon:", 2**62
#: So many rows are held in memory while they are taken in.
HELD_ROWS = 100_000
WHAT = """
SELECT list(DISTINCT kind), count(*) FILTER (also <> person AND person LIKE 'u:%'), count(email) FROM taken
"""
FRESH = """
CREATE OR REPLACE TEMP TABLE met AS SELECT md5_number(name) AS slot, name FROM (
    SELECT person AS name FROM taken UNION SELECT also FROM taken WHERE also IS NOT NULL
);
CREATE OR REPLACE TEMP TABLE fresh AS SELECT slot, name FROM met ANTI JOIN known USING (slot)
"""
#: Of pairs that were seen before only what is earlier.
PAIRS = f"""
CREATE OR REPLACE TEMP TABLE found AS SELECT also AS name, person AS into_name, min(time) AS time,
    arg_min({TIE}, (time, {TIE})) AS tie
FROM taken WHERE also <> person AND person LIKE 'u:%' AND NOT EXISTS (
    SELECT 1 FROM pair WHERE pair.name = also AND into_name = person
        AND (pair.time, pair.tie) <= (taken.time, {TIE})
) GROUP BY also, person
"""
#: A pair changes nothing for others where its name is new here and means nobody else's.
SIMPLE = """
SELECT count(*) FROM found WHERE name IN (SELECT name FROM pair) OR name IN (SELECT root FROM root)
    OR name IN (SELECT into_name FROM found) OR name LIKE 'u:%'
    OR name IN (SELECT name FROM found GROUP BY name HAVING count(*) > 1)
"""
ADDED = """
CREATE OR REPLACE TEMP TABLE merged AS SELECT found.name, coalesce(root, into_name) AS root
FROM found LEFT JOIN root ON root.name = into_name UNION ALL SELECT name, root FROM root
"""
MOVED = """
CREATE OR REPLACE TEMP TABLE moved AS SELECT name, merged.root AS root, root.root AS before
FROM merged FULL JOIN root USING (name) WHERE root.root IS DISTINCT FROM merged.root
"""
NEWEST = """
CREATE OR REPLACE TEMP TABLE found AS
SELECT md5_number({whose}) AS slot, {whose} AS name, CAST({value} AS VARCHAR) AS value, time, {tie} AS tie
FROM taken WHERE {whose} IS NOT NULL AND {told}
QUALIFY row_number() OVER (PARTITION BY {whose} ORDER BY time DESC, tie DESC) = 1
"""
OLDER = """
DELETE FROM said USING found WHERE said.whose = ? AND said.trait = ? AND said.slot = found.slot
    AND (said.time, said.tie) < (found.time, found.tie)
"""
NEWER = """
CREATE OR REPLACE TEMP TABLE newer AS SELECT * FROM found WHERE slot NOT IN (
    SELECT slot FROM said WHERE whose = ? AND trait = ? AND slot IN (SELECT slot FROM found)
)
"""
JOINED = """
CREATE OR REPLACE TEMP TABLE found AS SELECT DISTINCT person AS name, account FROM taken
WHERE account IS NOT NULL AND (person, account) NOT IN (
    SELECT (name, account) FROM joined WHERE account IN (SELECT account FROM taken)
)
"""


def renew(bench: Workbench, snapshot: Snapshot) -> None:
    """Begin anew where rows went or came back otherwise than by archiving."""
    if bench.number("epoch") != snapshot.epoch or bench.number("position") > snapshot.position:
        bench.fresh()
        with bench.transaction():
            bench.put("epoch", snapshot.epoch)


def take(bench: Workbench, snapshot: Snapshot, definitions: Sequence[Computation]) -> int:
    """Take in of what was archived since the last time all that the definitions read; how many rows that is.

    Of clauses and traits that are new here, and of clauses whose events count for longer than before, all
    that the archive has. Within a transaction.
    """
    listed, horizon_of = clauses(definitions), horizons(definitions)
    feeds: set[Feed] = {("clause", one.id) for one in listed} | {("person", EMAIL), ("account", NAME)}
    for one in map(reads, definitions):
        feeds |= {("person", name) for name in one.traits}
        feeds |= {("account", name) for name in one.account_traits}
    known: set[Feed] = {(kind, id_) for kind, id_ in bench.rows("SELECT kind, id FROM feed")}
    longer = {("clause", id_) for id_, seconds in horizon_of.items() if _is_longer(bench, id_, seconds)}
    position = bench.number("position")
    _drop(bench, known - feeds | known & longer)
    known -= longer
    for id_, seconds in horizon_of.items():
        bench.put(f"{HORIZON}{id_}", ALWAYS if seconds is None else seconds)
    _let_go(bench, snapshot.floor_day)
    new = feeds - known
    few = snapshot.position - position <= HELD_ROWS
    bench.share(much=bool(new) or not few)
    if new and position:
        _attach(bench, snapshot, f"position <= {position:d}")
        _hits(bench, [one for one in listed if ("clause", one.id) in new], "known")
        _traits(bench, new)
    bench.fill("feed", sorted(new))
    if snapshot.position > position:
        _attach(bench, snapshot.within(after=position), f"position > {position:d}", held=few)
        _take_all(bench, listed, feeds)
        bench.put("position", snapshot.position)
    return snapshot.position - position


def _attach(bench: Workbench, snapshot: Snapshot, condition: str, *, held: bool = False) -> None:
    """Say which rows are taken in; few are held in memory, so that the files are read once."""
    attach(bench.connection, snapshot, "archived")
    rows = f"SELECT {', '.join(READ)} FROM archived WHERE {condition}"
    if held:
        bench.run(f"CREATE OR REPLACE TEMP TABLE held AS {rows}")
        rows = "SELECT * FROM held"
    bench.run(f"CREATE OR REPLACE TEMP VIEW taken AS {rows}; {EVENTS}")


def _take_all(bench: Workbench, wanted: Sequence[Clause], feeds: Collection[Feed]) -> None:
    """Take in what the rows say, by what they are."""
    [(kinds, pairs, emails)] = bench.rows(WHAT)
    _people(bench, pairs=pairs > 0)
    if not {"track", "page", "screen"}.isdisjoint(kinds):
        _hits(bench, wanted, "met")
    about = {"identify": "person", "group": "account"}
    told = {whose for kind, whose in about.items() if kind in kinds}
    traits = [one for one in feeds if one[0] in told and one[1] != EMAIL]
    _traits(bench, [*traits, ("person", EMAIL)] if emails else traits)
    if "group" in kinds:
        _links(bench)


def _drop(bench: Workbench, feeds: Collection[Feed]) -> None:
    """Nothing reads these any more."""
    for kind, id_ in feeds:
        bench.run("DELETE FROM feed WHERE kind = ? AND id = ?", [kind, id_])
        if kind == "clause":
            bench.run("DELETE FROM hit WHERE clause = ?", [id_])
        else:
            bench.run("DELETE FROM said WHERE whose = ? AND trait = ?", [kind, id_])


def _is_longer(bench: Workbench, clause: str, seconds: int | None) -> bool:
    """Whether events of a clause count that were pruned, or may have been."""
    return (ALWAYS if seconds is None else seconds) > bench.number(f"{HORIZON}{clause}")


def prune(bench: Workbench, definitions: Sequence[Computation], since_us: int) -> None:
    """Let go of events that counted no more at that time, and so will not count again."""
    for clause, seconds in horizons(definitions).items():
        if seconds is not None:
            end = datetime.fromtimestamp(since_us // SECOND_US - seconds, UTC).replace(tzinfo=None)
            bench.run("DELETE FROM hit WHERE clause = ? AND time < ?", [clause, end])


def _let_go(bench: Workbench, floor_day: int) -> None:
    """The archive keeps no events of days before this one: they count no more."""
    floor_us = floor_day * DAY_US
    if floor_us <= bench.number("floor_us"):
        return
    floor = datetime.fromtimestamp(floor_us // SECOND_US, UTC).replace(tzinfo=None)
    bench.run(
        "INSERT INTO dirty SELECT DISTINCT 'person', name FROM hit JOIN known USING (slot) WHERE time < ?",
        [floor],
    )
    bench.run("DELETE FROM hit WHERE time < ?", [floor])
    bench.put("floor_us", floor_us)


def _people(bench: Workbench, *, pairs: bool) -> None:
    """Who is there, and who is one with whom."""
    if bench.made(FRESH):
        bench.run("INSERT INTO known SELECT slot, name FROM fresh")
        bench.run("INSERT INTO dirty SELECT 'person', name FROM fresh")
    if not pairs:
        return
    bench.run(PAIRS)
    simple = not bench.rows(SIMPLE)[0][0]
    bench.run(
        "DELETE FROM pair USING found WHERE pair.name = found.name AND pair.into_name = found.into_name"
    )
    bench.run("INSERT INTO pair SELECT * FROM found")
    if simple:
        bench.run(ADDED)
    else:
        told = bench.rows("SELECT name, into_name FROM pair ORDER BY time, tie")
        bench.run("CREATE OR REPLACE TEMP TABLE merged (name VARCHAR, root VARCHAR)")
        bench.fill("merged", list(merged(told).items()))
    _move(bench)


def _move(bench: Workbench) -> None:
    """Whoever is somebody else now is to be looked at, and so is that one. A name that late events make one
    of its own again has heard nothing meanwhile.
    """
    bench.run(MOVED)
    bench.run("INSERT INTO dirty SELECT 'revived', name FROM moved WHERE root IS NULL")
    for column in ("name", "root", "before"):
        bench.run(
            f"INSERT INTO dirty SELECT DISTINCT 'person', {column} FROM moved WHERE {column} IS NOT NULL"
        )
    bench.run("DELETE FROM root")
    bench.run("INSERT INTO root SELECT * FROM merged")


@lru_cache(maxsize=4)
def _extracting(wanted: tuple[Clause, ...]) -> str:
    from gainstage.audiences.compiler import extraction, render

    return render(extraction(wanted), "duckdb")


def _hits(bench: Workbench, wanted: Sequence[Clause], names: str) -> None:
    """`names`: the relation that has everybody who may be among them."""
    if not wanted or not bench.made(f"CREATE OR REPLACE TEMP TABLE found AS {_extracting(tuple(wanted))}"):
        return
    bench.run(
        f"INSERT INTO hit SELECT clause, slot, time, tie, value FROM found JOIN {names} ON name = person"
    )
    bench.run("INSERT INTO dirty SELECT DISTINCT 'person', person FROM found")


def _traits(bench: Workbench, feeds: Collection[Feed]) -> None:
    """The newest value of each trait; NULL where it was taken away."""
    from gainstage.audiences.compiler import reading, render

    for whose, name in sorted(feeds):
        about = [whose, name]
        if whose == "clause":
            continue
        if name == EMAIL:
            value, told, bindings = "to_json(email)", "email IS NOT NULL", None
        else:
            value = render(reading("traits", name), "duckdb")
            told = "kind = ? AND list_contains(json_keys(traits), ?)"
            bindings = ["identify" if whose == "person" else "group", name]
        bench.run(NEWEST.format(whose=whose, value=value, told=told, tie=TIE), bindings)
        bench.run(OLDER, about)
        bench.run(NEWER, about)
        bench.run("INSERT INTO said SELECT ?, slot, name, ?, value, time, tie FROM newer", about)
        if name != EMAIL:
            bench.run("INSERT INTO dirty SELECT DISTINCT ?, name FROM newer", [whose])


def _links(bench: Workbench) -> None:
    bench.run(JOINED)
    bench.run("INSERT INTO joined SELECT name, account FROM found")
    bench.run("INSERT INTO dirty SELECT DISTINCT 'account', account FROM found")
