"""Readings of the ledger while everything moves, from a process that is not the server's."""

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import apsw

from gainstage.app import open_store
from gainstage.errors import UsageError
from gainstage.sqlite import StorageUnavailable
from tests.torture.load import Sent
from tests.world import WORDS

PAUSE_SECONDS = 0.15

_ROWS = (
    "SELECT delivery.source_id, destination_id, word, count(*) FROM delivery GROUP BY 1, 2, 3 "
    "EXCEPT SELECT source_id, destination_id, word, n FROM counter WHERE destination_id > 0"
)
_COUNTERS = (
    "SELECT source_id, destination_id, word, n FROM counter WHERE destination_id > 0 AND n <> 0 "
    "EXCEPT SELECT delivery.source_id, destination_id, word, count(*) FROM delivery GROUP BY 1, 2, 3"
)


class Watcher(threading.Thread):
    """Reads the status again and again and notes every reading in which something does not add up."""

    def __init__(self, data: Path, source: str, sent: Sent) -> None:
        super().__init__(name="watcher", daemon=True)
        self._data, self._source, self._sent = data, source, sent
        self._end = threading.Event()
        self._delivered: dict[str, int] = {}
        self.readings = 0
        self.slowest_seconds = 0.0
        self.problems: list[str] = []

    def finish(self) -> None:
        self._end.set()
        self.join()

    def run(self) -> None:
        while not self._end.wait(PAUSE_SECONDS):
            began = time.monotonic()
            try:
                # What was acknowledged before the reading must be in it.
                self._look(len(self._sent.acknowledged))
            except Exception as error:
                self.problems.append(f"a reading failed: {type(error).__name__}: {error}")
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)

    def _look(self, acknowledged: int) -> None:
        try:
            reports = open_store(self._data)
        except UsageError:
            if acknowledged:
                raise
            return
        with contextlib.closing(reports):
            status = reports.status(time.time_ns() // 1_000)
        self.readings += 1
        for counts in status["connections"]:
            if counts["source"] != self._source:
                continue
            name = counts["destination"]
            words = {word: counts[word] for word in WORDS}
            if counts["received"] != sum(words.values()) or min(words.values()) < 0:
                self.problems.append(f"{name} does not balance: {counts}")
            if counts["received"] < acknowledged:
                self.problems.append(f"{name} received {counts['received']} of {acknowledged} acknowledged")
            if counts["delivered"] < self._delivered.get(name, 0):
                self.problems.append(f"{name} delivered {self._delivered[name]}, then {counts['delivered']}")
            self._delivered[name] = counts["delivered"]
        self._count_rows()

    def _count_rows(self) -> None:
        """The counters are those of the rows, in the same view."""
        with contextlib.suppress(StorageUnavailable):
            connection = apsw.Connection(str(self._data / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)
            with contextlib.closing(connection):
                connection.set_busy_timeout(5_000)
                connection.execute("BEGIN")
                if wrong := differing_counters(connection):
                    self.problems.append(f"counters and rows differ: {wrong[:3]}")


def differing_counters(connection: apsw.Connection) -> list[tuple[Any, ...]]:
    """Counters that are not those of the rows, in one view of the store."""
    return [*connection.execute(_ROWS), *connection.execute(_COUNTERS)]
