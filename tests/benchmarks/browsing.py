"""How long looking through events takes, with millions of rows in the ledger.

A store and a log are filled with events of many people, companies, names and outcomes. Then the management
API is asked, in this process, what the pages ask it: the newest events, filters with and without an index, a
tail, one event's life, what failed by cause; and the pages are asked for. Each question is put many times;
the median and the 95th percentile are told, beside those of an answer that reads nothing. Run from the
repository's root:

    python -m tests.benchmarks.browsing [--rows 5000000] [--times 100] [--folder FOLDER] [--quick]
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import httpx2
import msgspec

from gainstage.app.folder import prepare
from gainstage.app.pseudonyms import pseudonyms_of
from gainstage.clock import SystemClock
from gainstage.dashboard.application import pages
from gainstage.ingest import Counts
from gainstage.log.contract import Entry
from gainstage.log.file import FILE_NAME as LOG_FILE
from gainstage.log.file import create
from gainstage.management import Access, Management
from gainstage.store.rows import FAILED, FILTERED, PARKED, event_key
from gainstage.store.store import FILE_NAME as STORE_FILE
from gainstage.store.store import Store

TOKEN = "benchmark-0123456789abcdef0123456789abcdef"
AT_ONCE = 20_000
DAYS_US = 30 * 86_400_000_000
EVENTS_A_USER, COMPANIES = 10, 5_000
#: One in so many has the outcome; the others were delivered.
FAILS_EVERY, PARKS_EVERY, FILTERED_EVERY = 500, 1_000, 40
NAMES = ("Report Exported", "Invoice Paid", "Seat Added", "Dashboard Opened")
RARE_NAME, RARE_EVERY = "Contract Ended", 250_000

encode_entry = msgspec.msgpack.Encoder().encode


class Filler:
    """Makes the events, by number."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.rows, self.users = rows, max(1, rows // EVENTS_A_USER)
        store = Store(folder)
        self.person = pseudonyms_of(folder, store).of
        store.close()
        self.begins_us = time.time_ns() // 1_000 - DAYS_US

    def user(self, number: int) -> str:
        return f"user-{number % self.users}"

    def company(self, number: int) -> str:
        return f"company-{number % self.users % COMPANIES}"

    def received_us(self, number: int) -> int:
        return self.begins_us + number * DAYS_US // self.rows

    def message(self, number: int) -> bytes:
        """As an SDK sent it."""
        user = self.user(number)
        name = RARE_NAME if number % RARE_EVERY == 0 else NAMES[number % len(NAMES)]
        message: dict[str, Any] = {
            "type": "track",
            "event": name,
            "properties": {"format": "pdf", "n": number},
        }
        if number % EVENTS_A_USER == 0:
            message = {"type": "identify", "traits": {"email": f"{user}@example.com", "name": "Ann Lee"}}
        elif number % EVENTS_A_USER == 1:
            message = {"type": "group", "groupId": self.company(number), "traits": {"name": "Acme"}}
        context = {"library": {"name": "analytics-python", "version": "2.3.2"}, "ip": "192.0.2.1"}
        return msgspec.json.encode(
            {"messageId": f"m-{number}", "userId": user, **message, "context": context}
        )

    def entry(self, number: int) -> Entry:
        received_us = self.received_us(number)
        return Entry("app", self.user(number), received_us, 0, b"", self.message(number))

    def event(self, number: int) -> tuple[Any, ...]:
        user = self.user(number)
        known = {"user_id": user, "email": f"{user}@example.com", "account": self.company(number)}
        return (
            number, event_key(1, f"m-{number}"), 1, f"m-{number}", self.received_us(number), 0, number,
            msgspec.json.encode(known), None, None, None, self.person(f"u:{user}"),
        )  # fmt: skip

    def delivery(self, number: int) -> tuple[Any, ...]:
        word, code, kept = 0, "", None
        if number % PARKS_EVERY == 7:
            word, code, kept = PARKED, "email_missing", 1
        elif number % FAILS_EVERY == 3:
            word, code, kept = FAILED, "event_unmapped", 1
        elif number % FILTERED_EVERY == 5:
            word, code = FILTERED, "integrations"
        at_us = self.received_us(number) + 1_000_000
        return number, 1, 1, word, code, "", 0, at_us, kept, at_us + DAYS_US if word == PARKED else None

    def calls(self, numbers: range) -> Iterator[tuple[Any, ...]]:
        answer = '{"result":true,"errorCode":null,"errorDesc":null,"requestId":"1","data":{}}'
        for number in numbers:
            if number % 3 == 0:
                at_us = self.received_us(number)
                yield number, 1, at_us, "PUT", "https://acme.example/people", "{}", 200, answer, at_us


def fill(folder: Path, rows: int) -> None:
    """Make a data folder that holds so many events, each with its row in the ledger."""
    filler = Filler(folder, rows)
    create(folder, 1)
    store, log = apsw.Connection(str(folder / STORE_FILE)), apsw.Connection(str(folder / LOG_FILE))
    for connection in (store, log):
        connection.pragma("synchronous", "OFF")
    store.execute("INSERT INTO source VALUES (1, 'app')")
    store.execute("INSERT INTO destination (id, name) VALUES (1, 'cs')")
    for start in range(1, rows + 1, AT_ONCE):
        numbers = range(start, min(rows + 1, start + AT_ONCE))
        with store, log:
            fill_part(store, log, filler, numbers)
    with store:
        users = (
            (f"u:user-{n}", f"user-{n}@example.com", f"company-{n % COMPANIES}") for n in range(filler.users)
        )
        store.executemany("INSERT INTO identity (key, email, account) VALUES (?, ?, ?)", users)
        store.execute("INSERT INTO counter SELECT 1, 1, word, count(*) FROM delivery GROUP BY word")
        store.execute("INSERT INTO partition VALUES (0, ?)", (rows,))
    for connection in (store, log):
        connection.pragma("wal_checkpoint(TRUNCATE)")
        connection.close()


def fill_part(store: apsw.Connection, log: apsw.Connection, filler: Filler, numbers: range) -> None:
    """Events with what became of them, and their entries in the log."""
    store.executemany("INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", map(filler.event, numbers))
    deliveries = [filler.delivery(number) for number in numbers]
    store.executemany("INSERT INTO delivery VALUES (?,?,?,?,?,?,?,?,?,?)", deliveries)
    dead = (row[0] for row in deliveries if row[8])
    store.executemany("INSERT INTO body VALUES (?, ?)", ((n, encode_entry(filler.entry(n))) for n in dead))
    store.executemany(
        "INSERT INTO call (id, destination_id, at_us, method, url, request, status, response, answered_us) "
        "VALUES (?,?,?,?,?,?,?,?,?)",
        filler.calls(numbers),
    )
    carried = ((n - place, n) for n in numbers if n % 3 == 0 for place in range(3) if n > place)
    store.executemany("INSERT INTO call_event VALUES (?, ?)", carried)
    entries = ((n, filler.entry(n)) for n in numbers)
    log.executemany(
        "INSERT INTO partition_0 VALUES (?,?,?,?,?,?,?)",
        ((n, e.source, e.key, e.received_us, e.place, e.surroundings, e.body) for n, e in entries),
    )


#: What the pages ask. `{old}` is a time long ago, `{user}` a user of whom there is nothing new.
QUESTIONS = (
    "/api/session",
    "/api/events",
    "/api/events?after=4",
    "/api/events?message_id=m-77",
    "/api/events?user_id=user-{user}",
    "/api/events?email=user-{user}@example.com",
    "/api/events?company=company-{user}",
    "/api/events?event=Contract+Ended",
    "/api/events?type=group&source=app",
    "/api/events?outcome=failed&destination=cs",
    "/api/events?outcome=parked&destination=cs&reason=email_missing&since=25d&until=24d",
    "/api/events?outcome=delivered&destination=cs&source=app",
    "/api/events?outcome=filtered&since=9d&until=8d",
    "/api/events?outcome=pending",
    "/api/events?outcome=refused",
    "/api/events/m-77",
    "/api/dead/summary?limit=1000",
)


#: And pages with filters, beside one that reads nothing; `pages` has all that need none.
PAGES = (
    "/login",
    "/events?by=user_id&q=user-{user}",
    "/events?outcome=failed&destination=cs",
    "/events/m-77",
)


class NoStatus:
    """No figures: they are not what is measured here."""

    async def status_now(self, now_us: int) -> dict[str, Any]:
        return {}


async def ask(folder: Path, times: int) -> Mapping[str, list[float]]:
    """How long each answer took, in milliseconds."""
    access = Access(TOKEN, SystemClock(), lambda scope: "", Counts().refused)
    application = pages(NoStatus(), Counts(), Management(folder, NoStatus(), access))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    found: dict[str, list[float]] = {question: [] for question in (*QUESTIONS, *PAGES)}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(application), base_url="http://server", headers=headers
    ) as client:
        for number in range(times):
            for question, figures in found.items():
                accept = {"Accept": "application/json" if question.startswith("/api") else "text/html"}
                began = time.perf_counter()
                answer = await client.get(question.format(user=number * 37), headers=accept)
                figures.append((time.perf_counter() - began) * 1_000)
                assert answer.status_code in (200, 303), answer.text
    return found


class Ledger(NamedTuple):
    """A data folder with so many rows, and how often something is asked of it."""

    folder: Path
    rows: int
    times: int


@contextmanager
def filled(description: str | None) -> Iterator[Ledger]:
    """What the command line names, filled where it is not; gone afterwards unless it was named."""
    arguments = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    arguments.add_argument("--rows", type=int, default=5_000_000, help="rows in the ledger")
    arguments.add_argument("--times", type=int, default=100, help="how often each question is put")
    arguments.add_argument("--folder", type=Path, help="filled there, or used as it is; kept")
    arguments.add_argument("--quick", action="store_true", help="20,000 rows, five times")
    given = arguments.parse_args()
    rows, times = (20_000, 5) if given.quick else (given.rows, given.times)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="gainstage-ledger-"))
    try:
        prepare(folder)
        if not (folder / STORE_FILE).exists():
            began = time.monotonic()
            fill(folder, rows)
            print(f"filled: {rows:,} rows in {time.monotonic() - began:.0f} s", flush=True)
        yield Ledger(folder, rows, times)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


def main() -> None:
    """Print the figures."""
    with filled(__doc__) as ledger:
        print(f"{'milliseconds':85}{'median':>8}{'p95':>8}{'most':>8}")
        for question, figures in asyncio.run(ask(ledger.folder, ledger.times)).items():
            p95 = statistics.quantiles(figures, n=20)[-1]
            print(f"{question:85}{statistics.median(figures):>8.0f}{p95:>8.0f}{max(figures):>8.0f}")


if __name__ == "__main__":
    main()
