"""Rows as Parquet, in memory: written, read, put in order. Files are the folder's business.

pyarrow is loaded when it is first needed: most commands never do.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from gainstage.history.rows import COLUMNS, Row

if TYPE_CHECKING:
    import pyarrow as pa

#: A query for some names reads the groups whose names may be among them.
GROUP_ROWS = 32_768
COMPRESSION_LEVEL = 3
#: Rows lie in this order, so that the events of a name, and of a person among them, lie together.
ORDER = ("name", "person", "time", "position")
#: Never the same twice: a dictionary would only cost.
_WITHOUT_DICTIONARY = {"position", "once", "message_id", "time", "received", "properties", "traits"}


@cache
def schema() -> "pa.Schema":
    """The columns as Arrow has them."""
    import pyarrow as pa

    types = {
        "BIGINT": pa.int64(), "INTEGER": pa.int32(), "VARCHAR": pa.string(), "TIMESTAMP": pa.timestamp("us")
    }  # fmt: skip
    return pa.schema([pa.field(name, types[kind]) for name, kind in COLUMNS])


def table_of(rows: Sequence[Row]) -> "pa.Table":
    """Rows as a table, in the order of the files."""
    import pyarrow as pa

    ordered = sorted(rows, key=lambda row: (row.name, row.person, row.time_us, row.position))
    columns: Iterable[Sequence[Any]] = zip(*ordered, strict=True) if ordered else [()] * len(COLUMNS)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema(), strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema())


def joined(tables: Sequence["pa.Table"]) -> "pa.Table":
    """Several tables as one, in the order of the files."""
    import pyarrow as pa

    table = pa.concat_tables(tables) if tables else schema().empty_table()
    return table.sort_by([(name, "ascending") for name in ORDER]).combine_chunks()


def encoded(table: "pa.Table") -> bytes:
    """A table as the content of a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=GROUP_ROWS,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=[name for name, _ in COLUMNS if name not in _WITHOUT_DICTIONARY],
        column_encoding={"position": "DELTA_BINARY_PACKED", "received": "DELTA_BINARY_PACKED"},
        write_statistics=[name for name, _ in COLUMNS if name not in ("properties", "traits", "message_id")],
        write_page_checksum=True,
        store_schema=False,
    )
    return bytes(sink.getvalue())


def decoded(content: bytes, columns: Sequence[str] | None = None) -> "pa.Table":
    """A file's content as a table.

    Raises:
        ValueError: it is none of ours, or not as it was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(
            pa.BufferReader(content),
            columns=list(columns) if columns else None,
            page_checksum_verification=True,
        )
        wanted = schema() if columns is None else pa.schema([schema().field(name) for name in columns])
        return table.cast(wanted)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from None
