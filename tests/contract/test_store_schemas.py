"""A store that an earlier version wrote is taken over: its tables become those of a new one."""

from pathlib import Path

import apsw
import pytest

from gainstage.store.migrations import SCHEMA_VERSION
from gainstage.store.store import FILE_NAME, Store

SCHEMAS = sorted((Path(__file__).parent / "schemas").iterdir())


def shape(store: Store) -> dict[str, object]:
    """Tables with their columns, and indexes with theirs."""
    connection = store._connection
    found: dict[str, object] = {}
    for kind, name in connection.execute("SELECT type, name FROM sqlite_schema").fetchall():
        if kind == "table":
            rows = connection.execute(f"PRAGMA table_info({name})")
            found[name] = {row[1]: row[2:] for row in rows}
        elif not name.startswith("sqlite_"):
            found[name] = [row[2] for row in connection.execute(f"PRAGMA index_info({name})")]
    return found


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_the_tables_of_every_earlier_schema_become_those_of_a_new_store(tmp_path: Path, path: Path) -> None:
    (tmp_path / "old").mkdir()
    written = apsw.Connection(str(tmp_path / "old" / FILE_NAME))
    written.execute(path.read_text() + f"; PRAGMA user_version = {path.stem}")
    written.close()
    old, new = Store(tmp_path / "old"), Store(tmp_path / "new")
    assert shape(old) == shape(new)
    old.close()
    new.close()


def test_every_earlier_schema_is_tested() -> None:
    assert [int(path.stem) for path in SCHEMAS] == list(range(1, SCHEMA_VERSION))


def test_a_store_of_the_first_schema_is_planned_anew_once(tmp_path: Path) -> None:
    written = apsw.Connection(str(tmp_path / FILE_NAME))
    written.execute(SCHEMAS[0].read_text() + "; PRAGMA user_version = 1")
    written.execute("INSERT INTO destination (name) VALUES ('shop')")
    written.close()
    store = Store(tmp_path)
    with store.transaction() as transaction:
        assert transaction.destinations.get("shop").replan_after == 0
    store.close()


def test_calls_that_were_under_way_when_schema_6_was_left_stay_in_doubt(tmp_path: Path) -> None:
    written = apsw.Connection(str(tmp_path / FILE_NAME))
    written.execute(SCHEMAS[5].read_text() + "; PRAGMA user_version = 6")
    written.execute(
        "INSERT INTO record (id, tenant_id, object, key, holder, leased_until_us) VALUES "
        "(1, 1, 'person', 'a', 1, 5), (2, 1, 'person', 'b', 1, 0)"
    )
    for record, destination, waits in ((1, 1, 0), (1, 1, 1), (1, 2, 0), (2, 1, 0)):
        written.execute(
            "INSERT INTO operation (destination_id, record_id, event_id, source_id, alone, kind, plan, "
            "waits, stamp, time_us, content) VALUES (?, ?, 1, 1, 1, 0, 1, ?, x'61', 1, '{}')",
            (destination, record, waits),
        )
    written.close()
    store = Store(tmp_path)
    with store.transaction() as transaction:
        assert transaction.records.expire(5) == [1]
    assert [row[0] for row in store._connection.execute("SELECT in_doubt FROM operation ORDER BY id")] == [
        1, 0, 0, 0
    ]  # fmt: skip
    store.close()
