"""Evaluations: whom they are about, what these have now, and what is different from before."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from gainstage.audiences.definition import Computation, Subject
from gainstage.clock import SECOND_US
from gainstage.computing.state import Change
from gainstage.computing.taking import EMAIL, NAME
from gainstage.computing.workbench import Workbench

#: By the subjects of definitions, what `dirty` calls them.
WHOSE: Mapping[Subject, str] = {"user": "person", "account": "account"}

EVERYBODY = """
CREATE OR REPLACE TEMP TABLE people AS
    SELECT DISTINCT coalesce(root, known.name) AS person FROM known LEFT JOIN root USING (name);
CREATE OR REPLACE TEMP TABLE accounts AS
    SELECT DISTINCT account FROM joined UNION SELECT DISTINCT name FROM said WHERE whose = 'account'
"""
CHANGED = """
CREATE OR REPLACE TEMP TABLE people AS SELECT DISTINCT coalesce(root, dirty.name) AS person
    FROM dirty LEFT JOIN root USING (name) WHERE whose = 'person'
"""
CHANGED_ACCOUNTS = """
CREATE OR REPLACE TEMP TABLE accounts AS SELECT DISTINCT name AS account FROM dirty WHERE whose = 'account'
    UNION SELECT DISTINCT account FROM joined LEFT JOIN root USING (name)
    WHERE coalesce(root, joined.name) IN (SELECT person FROM people)
"""
#: The names of everybody whom the evaluation reads of: for accounts those of their users, too.
ALL_NAMES = """
CREATE OR REPLACE TEMP TABLE names AS
    SELECT slot, known.name, coalesce(root, known.name) AS person FROM known LEFT JOIN root USING (name)
"""
NAMES = """
CREATE OR REPLACE TEMP TABLE names AS WITH wanted AS (
    SELECT person FROM people UNION SELECT coalesce(root, joined.name) FROM joined LEFT JOIN root USING (name)
    WHERE account IN (SELECT account FROM accounts)
) SELECT md5_number(name) AS slot, name, person FROM (
    SELECT person AS name, person FROM wanted UNION ALL
    SELECT name, root FROM root WHERE root IN (SELECT person FROM wanted)
)
"""
RELATIONS = """
CREATE OR REPLACE TEMP VIEW matched AS
    SELECT clause, names.person AS person, time, tie, value FROM hit JOIN names USING (slot);
CREATE OR REPLACE TEMP VIEW traits AS SELECT person, trait, value FROM (
    SELECT names.person AS person, trait, value,
        row_number() OVER (PARTITION BY names.person, trait ORDER BY time DESC, tie DESC) AS place
    FROM said JOIN names USING (slot) WHERE whose = 'person'
) WHERE place = 1 AND value IS NOT NULL;
CREATE OR REPLACE TEMP VIEW account_traits AS
    SELECT name AS account, trait, value FROM said WHERE whose = 'account' AND value IS NOT NULL;
CREATE OR REPLACE TEMP VIEW links AS
    SELECT DISTINCT names.person AS person, account FROM joined JOIN names USING (name)
"""
DIFFERENCES = """
SELECT computation, subject, result.value, before.value FROM result FULL JOIN (
    SELECT computation, subject, value FROM computed {among} WHERE computation IN (SELECT unnest($keys))
) AS before USING (computation, subject)
WHERE result.value IS DISTINCT FROM before.value ORDER BY computation, subject
"""
#: Who is somebody else by now is not looked at any more, and has nothing.
LOOKED_AT = """
CREATE OR REPLACE TEMP TABLE looked_at AS SELECT whose, md5_number(name) AS slot FROM (
    SELECT 'person' AS whose, person AS name FROM people UNION
    SELECT 'person', name FROM dirty WHERE whose = 'person' UNION ALL
    SELECT 'account', account FROM accounts
)
"""
AMONG = """
JOIN looked_at ON looked_at.slot = computed.slot
    AND whose = CASE WHEN computation IN (SELECT unnest($users)) THEN 'person' ELSE 'account' END
"""
COMPUTED = "computation, md5_number(subject), subject, value"
#: What people said under any of their names.
EMAILS = """
WITH asked AS (SELECT unnest($names) AS person), called AS (
    SELECT md5_number(person) AS slot, person FROM asked UNION
    SELECT md5_number(name), root FROM root WHERE root IN (SELECT person FROM asked)
)
SELECT person, value FROM said JOIN called USING (slot) WHERE whose = 'person' AND trait = $trait
QUALIFY row_number() OVER (PARTITION BY person ORDER BY time DESC, tie DESC) = 1
"""


def look_at(bench: Workbench, *, everybody: bool) -> bool:
    """Say whom evaluations are about: everybody, or those whose values may have changed. False: nobody."""
    bench.share(much=everybody)
    if everybody:
        bench.run(EVERYBODY)
        if not bench.rows("SELECT person FROM people UNION ALL SELECT account FROM accounts LIMIT 1"):
            return False
    elif not bench.made(CHANGED) + bench.made(CHANGED_ACCOUNTS):
        return False
    _relate(bench, everybody=everybody)
    return True


def _relate(bench: Workbench, *, everybody: bool) -> None:
    """Make the compiler's relations."""
    bench.run(ALL_NAMES if everybody else NAMES)
    if not bench.related:
        bench.run(RELATIONS)
        bench.related = True


def cross(bench: Workbench, definitions: Sequence[Computation], since_us: int, until_us: int) -> None:
    """Whoever may have something else by the passage of time alone is to be looked at."""
    from gainstage.audiences.compiler import crossings, render

    query = crossings(definitions, moment(since_us), moment(until_us))
    if query is None:
        return
    bench.share(much=True)
    _relate(bench, everybody=True)
    whose = {one.key: WHOSE[one.subject] for one in definitions}
    rows = bench.rows(render(query, "duckdb"))
    bench.fill("dirty", [(whose[key], subject) for key, subject in rows])


def evaluate(
    bench: Workbench, definitions: Sequence[Computation], now_us: int, *, everybody: bool
) -> list[tuple[Change, str | None]]:
    """What those who are looked at have now and did not have before, with what they had."""
    result(bench, definitions, now_us, everybody=everybody)
    bindings = {"keys": [one.key for one in definitions]}
    if not everybody:
        bindings["users"] = [one.key for one in definitions if one.subject == "user"]
        bench.run(LOOKED_AT)
    rows = bench.rows(DIFFERENCES.format(among="" if everybody else AMONG), bindings)
    return [(Change(key, subject, value), before) for key, subject, value, before in rows]


def result(bench: Workbench, definitions: Sequence[Computation], now_us: int, *, everybody: bool) -> None:
    """Make `result`: what those who are looked at have now."""
    from gainstage.audiences.compiler import evaluation, render

    query = evaluation(definitions, moment(now_us), source="matched", partial=not everybody)
    bench.run(f"CREATE OR REPLACE TEMP TABLE result AS {render(query, 'duckdb')}")


def keep(
    bench: Workbench,
    changes: Sequence[tuple[Change, str | None]],
    count: int,
    named: Mapping[str, Subject],
) -> None:
    """Let `computed` be what the memberships are by now, after so many changes of them. Whoever has another
    value of a computation that is named is to be looked at by what names it.
    """
    if changes:
        bench.run(
            "CREATE OR REPLACE TEMP TABLE changed (computation VARCHAR, subject VARCHAR, value VARCHAR)"
        )
        bench.fill("changed", [change for change, _ in changes])
        if any(before is not None for _, before in changes):
            bench.run(
                "DELETE FROM computed USING changed WHERE computed.computation = changed.computation "
                "AND computed.slot = md5_number(changed.subject)"
            )
        bench.run(f"INSERT INTO computed SELECT {COMPUTED} FROM changed WHERE value IS NOT NULL")
        bench.fill("dirty", [(WHOSE[named[one.key]], one.subject) for one, _ in changes if one.key in named])
    bench.put("changes", count)


def mirror(
    bench: Workbench, values: Iterable[tuple[str, str, str]], count: int, subjects: Mapping[str, Subject]
) -> None:
    """Let `computed` be exactly these. Whoever has another value than there was may be named with it."""
    bench.run("CREATE OR REPLACE TEMP TABLE changed (computation VARCHAR, subject VARCHAR, value VARCHAR)")
    bench.fill("changed", list(values))
    different = bench.rows(
        "SELECT computation, subject FROM changed FULL JOIN computed USING (computation, subject) "
        "WHERE changed.value IS DISTINCT FROM computed.value"
    )
    bench.fill("dirty", [(WHOSE[subjects[key]], subject) for key, subject in different if key in subjects])
    bench.run(f"DELETE FROM computed; INSERT INTO computed SELECT {COMPUTED} FROM changed")
    bench.put("changes", count)


def renamed_among(bench: Workbench, people: Sequence[str]) -> set[str]:
    """Those who are called otherwise by now."""
    statement = "SELECT name FROM root WHERE name IN (SELECT unnest($names))"
    return {row[0] for row in bench.rows(statement, {"names": list(people)})}


def told_of(bench: Workbench, people: Sequence[str], accounts: Sequence[str]) -> Mapping[str, str]:
    """The newest known e-mails of people and names of accounts, as JSON."""
    found = bench.rows(EMAILS, {"trait": EMAIL, "names": list(people)})
    found += bench.rows(
        "SELECT name, value FROM said WHERE whose = 'account' AND trait = $trait AND value IS NOT NULL "
        "AND name IN (SELECT unnest($names))",
        {"trait": NAME, "names": list(accounts)},
    )
    return dict(found)


def moment(us: int) -> datetime:
    """An instant in microseconds as a time."""
    return datetime.fromtimestamp(us // SECOND_US, UTC).replace(microsecond=us % SECOND_US)
