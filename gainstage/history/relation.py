"""The archive as a relation of the embedded analytical engine.

DuckDB is loaded when it is first needed.
"""

from typing import TYPE_CHECKING

from gainstage.clock import DAY_US
from gainstage.history.archive import Snapshot
from gainstage.history.rows import COLUMNS

if TYPE_CHECKING:
    import duckdb

VIEW = "archive"


def attach(connection: "duckdb.DuckDBPyConnection", snapshot: Snapshot, name: str = VIEW) -> None:
    """Make a view of a snapshot's rows, with the columns of the archive, in a connection.

    It can be read as long as the snapshot is open. What is asked of it is asked of the files: columns that
    are not wanted are not read, nor are parts of files that have no such name, person, time or position.
    """
    relation(connection, snapshot).create_view(name, replace=True)


def relation(connection: "duckdb.DuckDBPyConnection", snapshot: Snapshot) -> "duckdb.DuckDBPyRelation":
    """A snapshot's rows."""
    if snapshot.files:
        return connection.read_parquet(snapshot.paths, hive_partitioning=False)
    nothing = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in COLUMNS)
    return connection.sql(f"SELECT * FROM (SELECT {nothing}) WHERE false")


def day_of(instant_us: int) -> int:
    """The day of an instant, as snapshots are pruned by: counted from the epoch, UTC."""
    return instant_us // DAY_US
