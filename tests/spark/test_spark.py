"""Every query gives on Apache Spark what it gives on DuckDB. One test, since Spark takes long to start."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pyarrow
import pytest

from gainstage.audiences.compiler import clauses, crossings, evaluation, extraction, render
from tests.unit.audiences.documented import definitions_shown
from tests.unit.audiences.engine import Engine
from tests.unit.audiences.naive import World, evaluate
from tests.unit.audiences.worlds import COLUMNS, DAY, NOW, Words, definitions, rows_of, world

#: What the documents' examples speak of.
DOCUMENTED = Words(
    names=[
        "Order Completed", "Logged In", "Signed Up", "Colleague Invited", "Invitation Accepted",
        "Page Viewed", "Ticket Opened", "Feature Used",
    ],
    properties=["revenue", "page_name", "feature"],
    traits=["plan", "renewal_date", "tier"],
    keys=["gone_quiet", "revenue_90_days"],
    texts=["Report 1", "Home", "gold", "pro", "enterprise", "2026-04-01", "2026-05-29T12:00:00Z", "7"],
)  # fmt: skip


class Spark:
    """A world's relations as views of a Spark session."""

    def __init__(self, session: Any) -> None:
        self.session = session

    def know(self, known: World) -> None:
        for relation, rows in rows_of(known).items():
            self.view(relation, rows)

    def view(self, relation: str, rows: list[tuple[Any, ...]]) -> None:
        columns = {}
        for place, name in enumerate(COLUMNS[relation]):
            held = [row[place] for row in rows]
            if name == "time":
                held = [time.replace(tzinfo=UTC) for time in held]
            kind = pyarrow.timestamp("us", "UTC") if name == "time" else pyarrow.string()
            columns[name] = pyarrow.array(held, kind)
        self.session.createDataFrame(pyarrow.table(columns)).createOrReplaceTempView(relation)

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.session.sql(render(query, "spark")).collect()]


@pytest.fixture(scope="module")
def spark() -> Iterator[Spark]:
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17: install openjdk-17-jre-headless, then make spark")
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: make spark")
    settings = {
        "spark.default.parallelism": "1",
        "spark.driver.bindAddress": "127.0.0.1",
        # Compiled lightly: it lives for a minute.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.adaptive.enabled": "false",
        # Queries of hundreds of columns over a few rows: compiling them would take longer than running them.
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = sql.SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield Spark(session)
    session.stop()


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_every_definition_has_on_spark_the_rows_that_it_has_on_duckdb(spark: Spark) -> None:
    documented = tuple(definitions_shown())
    assert len(documented) >= 9
    compare(spark, documented, world(Random(1), events=150, words=DOCUMENTED), NOW)
    for seed in (4, 16):
        random = Random(seed)
        compare(spark, definitions(random, 12), world(random), NOW)


def compare(spark: Spark, made: tuple[Any, ...], known: World, now: datetime) -> None:
    """All queries on both engines."""
    engine = Engine(known)
    spark.know(known)
    expected = engine.evaluate(made, now)
    assert expected == evaluate(made, known, now)
    assert sorted(spark.rows(evaluation(made, now, source="events"))) == sorted(expected)
    found = clauses(made)
    matched = spark.rows(extraction(found))
    assert sorted(matched, key=repr) == sorted(engine.rows(extraction(found)), key=repr)
    engine.extract(made)
    spark.view("matched", matched)
    passed = crossings(made, now, now + timedelta(seconds=20 * DAY))
    if passed is not None:
        assert sorted(spark.rows(passed)) == sorted(engine.rows(passed))
