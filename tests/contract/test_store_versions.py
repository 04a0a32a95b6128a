"""Stores of older versions: tests/fixtures/schemas holds the tables of each."""

from pathlib import Path

import apsw
import pytest

from gainstage.store import Store
from gainstage.store.store import FILE_NAME, SCHEMA_VERSION

SCHEMAS = Path(__file__).parents[1] / "fixtures" / "schemas"


def older_store(folder: Path, version: int, rows: str = "") -> None:
    """A store as an older gainstage left it."""
    connection = apsw.Connection(str(folder / FILE_NAME))
    connection.execute((SCHEMAS / f"{version}.sql").read_text() + rows)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


def shape(store: Store) -> dict[str, object]:
    """Columns of each table and index."""
    names = store._connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return {
        name: sorted(
            row[1 if type_ == "table" else 2 :] for row in store._connection.execute(
                f"PRAGMA {'table' if type_ == 'table' else 'index'}_info({name})"
            )
        )
        for type_, name in names.fetchall()
    }  # fmt: skip


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_store_of_an_older_version_gets_the_tables_of_this_one(tmp_path: Path, version: int) -> None:
    for folder in (tmp_path / "old", tmp_path / "new"):
        folder.mkdir()
    older_store(tmp_path / "old", version)
    old, new = Store(tmp_path / "old"), Store(tmp_path / "new")
    assert shape(old) == shape(new)
    old.close()
    new.close()


def test_what_waited_in_a_store_of_the_first_version_is_planned_anew_once(tmp_path: Path) -> None:
    older_store(tmp_path, 1, "INSERT INTO destination (name) VALUES ('shop')")
    store = Store(tmp_path)
    with store.transaction() as transaction:
        assert transaction.destinations.get("shop").replan_after == 0
    store.close()
