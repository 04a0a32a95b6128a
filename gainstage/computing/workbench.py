"""The file in which computations work: relations of the embedded engine, made of archived rows (DuckDB).

It can be made anew from the archive at any time, and is: when the archive lost or got back rows, when
somebody was forgotten, when the file is damaged or of another version. What stands in it:

- `hit`: the events that fulfil a clause of a definition; `said`: the newest value of each trait that a
  definition reads; `joined`: who said to belong to which account; all under the names that the events gave;
- `pair` and `root`: which names are one person (`names`);
- `computed`: the values of today, as `state` has them;
- `dirty`: whose values may have changed since they were looked at.

A name's `slot` is its MD5 as a number, which the engine compares many times as quickly as text. Few new
events are so looked up among millions of old ones.

Statements are fixed texts; definitions come as trees from `gainstage.audiences.compiler`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FILE_NAME = "work.duckdb"
FORM = 2
MEMORY_MIB = 1024
THREADS = 2

TABLES = """
CREATE TABLE meta (name VARCHAR NOT NULL, value BIGINT NOT NULL);
CREATE TABLE feed (kind VARCHAR, id VARCHAR);
CREATE TABLE known (slot UHUGEINT, name VARCHAR);
CREATE TABLE pair (name VARCHAR, into_name VARCHAR, time TIMESTAMP, tie VARCHAR);
CREATE TABLE root (name VARCHAR, root VARCHAR);
CREATE TABLE hit (clause VARCHAR, slot UHUGEINT, time TIMESTAMP, tie VARCHAR, value VARCHAR);
CREATE TABLE said (
    whose VARCHAR, slot UHUGEINT, name VARCHAR, trait VARCHAR, value VARCHAR, time TIMESTAMP, tie VARCHAR
);
CREATE TABLE joined (name VARCHAR, account VARCHAR);
CREATE TABLE dirty (whose VARCHAR, name VARCHAR);
CREATE TABLE computed (computation VARCHAR, slot UHUGEINT, subject VARCHAR, value VARCHAR);
"""


class Workbench:
    """One process has it open at a time. A file that cannot be used is made anew, with nothing taken in."""

    def __init__(self, folder: Path, *, memory_mib: int = MEMORY_MIB, threads: int = THREADS) -> None:
        import duckdb

        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self._threads = self._used = threads
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_mib}MiB",
            "threads": threads,
            "temp_directory": str(folder / "work.tmp"),
            "preserve_insertion_order": False,
        }
        try:
            self._open()
        except duckdb.Error:  # damaged, or of a version that this library does not read
            self.fresh()

    def _open(self) -> None:
        import duckdb

        self.connection: duckdb.DuckDBPyConnection = duckdb.connect(str(self.path), config=self._config)
        self.run("SET TimeZone = 'UTC'")
        self.run("SET enable_progress_bar = false")
        #: The numbers of `meta`, whether they changed, and whether the relations of evaluations were made.
        self._numbers: dict[str, int] = {}
        self._renumbered = False
        self.related = False
        self._used = self._threads
        if not self.rows("SELECT 1 FROM information_schema.tables WHERE table_name = 'meta'"):
            with self.transaction():
                self.run(TABLES)
                self.put("form", FORM)
        self._read_numbers()
        if self.number("form") != FORM:
            self.fresh()

    def _read_numbers(self) -> None:
        self._numbers = {name: int(value) for name, value in self.rows("SELECT name, value FROM meta")}
        self._renumbered = False

    def _keep_numbers(self) -> None:
        if self._renumbered:
            listed = [part for number in self._numbers.items() for part in number]
            self.run("DELETE FROM meta")
            self.run(f"INSERT INTO meta VALUES {', '.join(['(?, ?)'] * len(self._numbers))}", listed)
            self._renumbered = False

    def fresh(self) -> None:
        """Begin anew."""
        with contextlib.suppress(Exception):  # it may not even have been opened
            self.connection.close()
        for path in (self.path, self.path.with_name(f"{self.path.name}.wal")):
            path.unlink(missing_ok=True)
        self._open()

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything or nothing; durable on the way out."""
        self.run("BEGIN")
        try:
            yield
            self._keep_numbers()
            self.run("COMMIT")
        except BaseException:
            self.related = False
            with contextlib.suppress(Exception):  # the cause is what counts
                self.run("ROLLBACK")
                self._read_numbers()
            raise

    def run(self, statement: str, bindings: Any = None) -> None:
        """Do something."""
        self.connection.execute(statement, bindings).complete()

    def made(self, statement: str, bindings: Any = None) -> int:
        """Do something that makes a relation; how many rows that has."""
        return int(self.rows(statement, bindings)[0][0])

    def rows(self, statement: str, bindings: Any = None) -> list[Any]:
        """Ask something."""
        return self.connection.execute(statement, bindings).fetchall()

    def fill(self, table: str, rows: Sequence[tuple[str | None, ...]]) -> None:
        """Insert many rows of texts at once."""
        import pyarrow as pa

        if not rows:
            return
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        made = pa.Table.from_arrays(columns, names=[f"c{number}" for number in range(len(columns))])
        self.connection.register("filling", made)
        self.run(f"INSERT INTO {table} SELECT * FROM filling")
        self.connection.unregister("filling")

    def share(self, *, much: bool) -> None:
        """How the work is shared out: where there is not much of it, one thread is done first."""
        threads = self._threads if much else 1
        if threads != self._used:
            self.run(f"SET threads = {threads:d}")
            self._used = threads

    def number(self, name: str) -> int:
        """A number that is kept under a name; 0 where none is."""
        return self._numbers.get(name, 0)

    def put(self, name: str, value: int) -> None:
        """Keep a number under a name, within a transaction: all are written at its end."""
        if self._numbers.get(name) != value:
            self._numbers[name], self._renumbered = value, True

    def settle(self) -> None:
        """Everybody was looked at."""
        self.run("DELETE FROM dirty")
