"""How long every page takes, and what the overview asks, with millions of rows in the ledger.

A data folder is filled as for `browsing`, with figures of every minute of two days, a configuration and ten
audiences beside, each with a tenth of the people. Then each page of the dashboard that needs no filter, and
each part of the API that the overview asks, is answered in this process again and again; the median and the
95th percentile are told, beside those of Starlette's hello page. Run from the root:

    python -m tests.benchmarks.pages [--rows 5000000] [--times 100] [--folder FOLDER] [--quick]
"""

import asyncio
import statistics
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gainstage.app.configuring import apply
from gainstage.app.reports import Reports, open_store
from gainstage.clock import SystemClock
from gainstage.computing.state import FOLDER_NAME as AUDIENCE_FOLDER
from gainstage.computing.state import Change, State
from gainstage.configuration import outline_of
from gainstage.dashboard.application import pages
from gainstage.dashboard.pages import ROOMS
from gainstage.figures.ages import MINUTE_US
from gainstage.figures.keeping import FILE_NAME, Kept
from gainstage.figures.sample import CALLS, DELAY, WORDS, Series
from gainstage.ingest import Counts
from gainstage.management import Access, Management
from gainstage.meter import DELIVERY_BOUNDS
from tests.benchmarks.browsing import EVENTS_A_USER, TOKEN, filled

HTML = {"Accept": "text/html", "Authorization": f"Bearer {TOKEN}"}
MINUTES = 2 * 24 * 60
HELLO = "/hello"
ASKED = (
    "/api/attention",
    "/api/budgets",
    "/api/figures?from=24h&step=3600",
    "/api/figures?from=2d&step=900",
)
#: Pages with a parameter, and the overview of more than an hour.
MORE = (
    "/overview?period=24h",
    "/overview?period=all",
    "/events/m-77",
    "/sources/app",
    "/destinations/cs",
    "/destinations/cs/settings",
    "/destinations/cs/mapping",
    "/destinations/cs/history",
    "/destinations/cs/setup/preview",
    "/destinations/new?type=gainsight_px",
    "/audiences/audience_7",
)
#: What leads elsewhere when it is asked for so.
ELSEWHERE = {"/", "/welcome", "/destinations/new"}
PAGES = sorted(
    path
    for room in ROOMS
    for path, views in room.routes.items()
    if "GET" in views and "{" not in path and path not in room.open_to_all and path not in ELSEWHERE
)
PATHS = (HELLO, *ASKED, *PAGES, *MORE)
AUDIENCES, SIZES = 10, 1_000
CONFIGURATION = """
sources: [{name: app, kind: server, write_key: benchmark-write-key}]
destinations:
  - {name: cs, type: gainsight_cs, settings: {domain: acme, access_key: benchmark-key, tenant_id: benchmark}}
audiences:
""" + "".join(
    f"  - {{name: Audience {number}, where: {{event: Invoice Paid, count: {{at_least: {number}}}}}, "
    f"destinations: [cs]}}\n"
    for number in range(1, AUDIENCES + 1)
)


def note(folder: Path, rows: int) -> None:
    """Figures of every minute, which end where the ledger does."""
    now_us = time.time_ns() // 1_000
    buckets = (0,) * (len(DELIVERY_BOUNDS) - 3)
    with closing(Kept(folder)) as kept:
        for minute in range(MINUTES):
            delivered = rows * minute // MINUTES
            standing = {Series(WORDS, "app", "cs"): (delivered, minute, minute // 9, minute // 20, 0)}
            counted = {
                Series(CALLS, destination="cs"): (40, 3),
                Series(DELAY, destination="cs", priority="live"): (30, 60, 8, 2, *buckets),
            }
            kept.add(standing, counted, rows, now_us - (MINUTES - minute) * MINUTE_US)


def gather(folder: Path, rows: int) -> None:
    """Members of every audience, and how many there were every quarter of an hour."""
    now_us = time.time_ns() // 1_000
    users = rows // EVENTS_A_USER
    with closing(State(folder / AUDIENCE_FOLDER)) as state:
        for number in range(1, AUDIENCES + 1):
            key = f"audience_{number}"
            members = (Change(key, f"u:user-{user}", "true") for user in range(number, users, AUDIENCES))
            with state.transaction():
                state.own(key, "audience", f"Audience {number}", "user", now_us)
                state.apply(members, now_us)
                calls = state.next_calls([key], users)
                state.saying(calls)
                state.said(calls)
                for size in range(SIZES):
                    state.measure(key, now_us - (SIZES - size) * 15 * MINUTE_US, 1, 0, count=size == 0)


async def ask(folder: Path, reports: Reports, times: int) -> Mapping[str, list[tuple[float, float]]]:
    """How long each answer took, and the processor's part of it, in milliseconds."""

    async def hello(request: Request) -> Response:
        return PlainTextResponse("hello")

    access = Access(TOKEN, SystemClock(), lambda scope: "", Counts().refused)
    application = pages(reports, Counts(), Management(folder, reports, access))
    bare = Starlette(routes=[Route(HELLO, hello)])
    found: dict[str, list[tuple[float, float]]] = {path: [] for path in PATHS}
    ours, theirs = httpx2.ASGITransport(application), httpx2.ASGITransport(bare)
    async with (
        httpx2.AsyncClient(transport=ours, base_url="http://server", headers=HTML) as client,
        httpx2.AsyncClient(transport=theirs, base_url="http://server") as other,
    ):
        for turn in range(times + 1):
            for path in PATHS:
                began, worked = time.perf_counter(), time.process_time()
                answer = await (other if path == HELLO else client).get(path)
                took = (time.perf_counter() - began) * 1_000, (time.process_time() - worked) * 1_000
                assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
                if turn:  # the first one loads what is loaded once
                    found[path].append(took)
    return found


def main() -> None:
    """Print the figures."""
    with filled(__doc__) as (folder, rows, times):
        if not (folder / FILE_NAME).exists():
            apply(folder, outline_of(CONFIGURATION.encode(), "benchmark"))
            note(folder, rows)
            gather(folder, rows)
        print(f"{'milliseconds':40}{'median':>8}{'p95':>8}{'most':>8}{'processor':>11}")
        with closing(open_store(folder)) as reports:
            answered = asyncio.run(ask(folder, reports, times))
        for path, answers in answered.items():
            figures, works = zip(*answers, strict=True)
            p95 = statistics.quantiles(figures, n=20)[-1]
            told = f"{statistics.median(figures):>8.1f}{p95:>8.1f}{max(figures):>8.1f}"
            print(f"{path:40}{told}{statistics.median(works):>11.1f}")


if __name__ == "__main__":
    main()
