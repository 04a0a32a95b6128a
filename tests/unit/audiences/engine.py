"""DuckDB in memory over a world's relations."""

from datetime import datetime

import duckdb

from gainstage.audiences.compiler import clauses, crossings, evaluation, extraction, render
from tests.unit.audiences.worlds import COLUMNS, rows_of


class Engine:
    """A world's relations in a database of their own."""

    def __init__(self, world) -> None:
        self.connection = duckdb.connect()
        for relation, columns in COLUMNS.items():
            held = ", ".join(f"{name} {'TIMESTAMP' if name == 'time' else 'VARCHAR'}" for name in columns)
            self.connection.execute(f"CREATE TABLE {relation} ({held})")
        for relation, rows in rows_of(world).items():
            if rows:
                marks = ", ".join("?" * len(COLUMNS[relation]))
                self.connection.executemany(f"INSERT INTO {relation} VALUES ({marks})", rows)

    def extract(self, definitions) -> None:
        made = render(extraction(clauses(definitions)), "duckdb")
        self.connection.execute("DELETE FROM matched")
        self.connection.execute(f"INSERT INTO matched {made}")

    def evaluate(
        self, definitions, now: datetime, source: str = "events", partial: bool = False
    ) -> set[tuple]:
        rows = self.rows(evaluation(definitions, now, source=source, partial=partial))
        assert len(rows) == len(set(rows)), "a row came twice"
        return set(rows)

    def crossing(self, definitions, since: datetime, until: datetime) -> set[tuple]:
        query = crossings(definitions, since, until)
        return set(self.rows(query)) if query is not None else set()

    def rows(self, query) -> list[tuple]:
        return self.connection.execute(render(query, "duckdb")).fetchall()
