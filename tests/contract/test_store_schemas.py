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
