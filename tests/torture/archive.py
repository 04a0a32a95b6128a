"""What the third process of a server made of the events: the archive, and a trait computed from it."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw
import duckdb

from tests.torture.load import Message
from tests.torture.oracle import Verdict, differences
from tests.torture.vendors import TRAIT, TRAIT_FIELD


def archived(data: Path, source: str) -> Counter[str]:
    """How often the archive has each message of a source, by the files that its index names."""
    index = apsw.Connection(str(data / "history" / "index.db"), flags=apsw.SQLITE_OPEN_READONLY)
    paths = [str(data / "history" / name) for (name,) in index.execute("SELECT name FROM file")]
    index.close()
    query = "SELECT message_id, count(*) FROM read_parquet(?) WHERE source = ? GROUP BY 1"
    with duckdb.connect() as connection:
        return Counter(dict(connection.execute(query, (paths, source)).fetchall()))


def uses_wrong(messages: Mapping[str, Message], state: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Whose computed trait at Gainsight CS is not the number of their events."""
    tracks = [message for message in messages.values() if message["type"] == "track"]
    emails = [message["context"]["traits"].get("email") for message in tracks]
    expected = {email: {TRAIT: n} for email, n in Counter(emails).items() if email}
    people = {row["Email"]: row for row in state["people"]}
    return list(differences(expected, people, {TRAIT: TRAIT_FIELD}))


def judge_archive(verdict: Verdict, data: Path, source: str, kept: Mapping[str, Message]) -> None:
    """Every event is archived once."""
    found = archived(data, source)
    verdict.add("not archived", sorted(kept.keys() - found.keys()))
    verdict.add("archived and not in the ledger", sorted(found.keys() - kept.keys()))
    verdict.add("archived more than once", [(one, n) for one, n in found.items() if n > 1])
