"""Two days of a business at Gainsight CS: how many calls its traffic costs, and how long events wait.

20,000 people of 1,500 companies, 60,000 sessions a day. On the first day everybody is new, on the second 5 %
of the sessions bring a changed trait. Engine and store are the real ones, the vendor is the sandbox with its
limits, time is virtual, and the process is stopped or killed a few times a day. The exit code is 1 where a
target is missed. Run from the repository's root:

    python -m tests.benchmarks.two_days [--part 10] [--quick] [--seed 1] [--hours]

`--part 10`: a tenth of everybody in a tenth of the time, as busy at any moment; `--quick` is `--part 60`.
`--hours` shows each twenty-fourth of the days. The whole takes about eight minutes of one core.
"""

import argparse
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gainstage.store.rows import DELIVERED
from tests.benchmarks.business import EVENTS, PERSON_FIELDS, Business, Size, Told
from tests.benchmarks.virtual import MONDAY_US, World, most_within

PER_MINUTE, PER_DAY = 100, 50_000
DAY_SECONDS = 86_400.0
CHANGED_SESSIONS = 0.05
#: Parts of a day at which the process ends and starts again.
RESTARTS = (0.31, 0.36, 0.45, 0.72)
#: One call for each identify; for each group a look-up, the company, the person.
CALLS_A_SESSION_ONE_AT_A_TIME = 6
RECORDS_A_CALL = 50

FIRST_DAY_CALLS = 48_000 / 40_000  # for each person and each track, of which there are as many
SECOND_DAY_RATIO = 1.2
DELAY_SECONDS = 60.0
PERSON_NAMES = {
    "firstName": "FirstName", "lastName": "LastName", "location": "Location", "timezone": "Timezone",
    **PERSON_FIELDS,
}  # fmt: skip


@dataclass
class Day:
    """What is known of a day after its end."""

    number: int
    least: int
    calls: Counter[str]
    #: Seconds from acceptance to outcome, ascending: of all events, and of those that led to a call.
    delays: list[float]
    delays_with_call: list[float]
    undelivered: int
    pending_at_end: int
    seconds: float

    @property
    def total(self) -> int:
        return sum(self.calls.values())

    def targets(self, size: Size) -> Iterator[tuple[str, bool]]:
        """Each target in words, and whether it holds."""
        if self.number == 1:
            most = round(FIRST_DAY_CALLS * (size.people + size.tracks))
            yield f"at most {most:,} calls: {self.total:,}", self.total <= most
            yield f"nothing waits when the day ends: {self.pending_at_end:,}", not self.pending_at_end
        else:
            ratio = self.total / self.least
            yield f"at most {SECOND_DAY_RATIO} times the least calls: {ratio:.2f}", ratio <= SECOND_DAY_RATIO
            p99 = percentile(self.delays, 99)
            yield f"p99 delay under {DELAY_SECONDS:g} s: {p99:.1f} s", p99 < DELAY_SECONDS
        yield f"every event delivered: all but {self.undelivered:,}", not self.undelivered


def main() -> int:
    """Live through both days and say what they cost."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--part", type=int, default=1)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--hours", action="store_true")
    given = arguments.parse_args()
    part = 60 if given.quick else given.part
    with tempfile.TemporaryDirectory() as folder:
        return TwoDays(Path(folder), part, given.seed).run(hours=given.hours)


class TwoDays:
    """One run."""

    def __init__(self, folder: Path, part: int, seed: int) -> None:
        self.size = Size().part(part)
        self.per_day = PER_DAY // part
        self.business = Business(self.size, random.Random(f"{seed} business"))
        self.world = World(folder, self._settings(), seed)
        self.sandbox = self.world.transport.sandbox.state
        self.sandbox.limits.change({"cs": {"per_minute": PER_MINUTE, "per_day": self.per_day}})
        self.days: list[Day] = []
        #: Of each day: what was told, when it began, what waited at its end, and the real time it took.
        self._told: list[Told] = []
        self._began: list[float] = []
        self._pending: list[int] = []
        self._spent: list[float] = []

    def _settings(self) -> dict[str, Any]:
        return {
            "domain": "acme.gainsightcloud.com",
            "access_key": "k" * 36,
            "shared_secret": "s" * 20,
            "tenant_id": "t",
            "topic_name": "topic",
            "events": EVENTS,
            "person_fields": PERSON_FIELDS,
            "budget": {"per_minute": PER_MINUTE, "per_day": self.per_day, "reserve_percent": 0},
        }

    def run(self, *, hours: bool = False) -> int:
        """Both days, their figures, and whether the targets hold."""
        self.world.clock.run(self._live())
        self.world.open()
        self.days = [self._figures(number) for number in (1, 2)]
        size = self.size
        print(
            f"{size.people:,} people of {size.companies:,} companies, {size.sessions:,} sessions and "
            f"{size.tracks:,} tracks in a day of {size.seconds:,.0f} s; "
            f"{PER_MINUTE} calls a minute, {self.per_day:,} a day; {self.world.restarts} restarts"
        )
        failures = 0
        for day in self.days:
            failures += self._print(day)
            if hours:
                self._print_hours(day.number)
        failures += self._print_whole()
        self.world.close()
        print("TARGETS MISSED" if failures else "all targets hold", flush=True)
        return 1 if failures else 0

    async def _live(self) -> None:
        self.world.start()
        for changes in (0.0, CHANGED_SESSIONS):
            began, told = time.perf_counter(), Told()
            self._told.append(told)
            self._began.append(self.world.seconds)
            restarts = [share * self.size.seconds for share in RESTARTS]
            await self.world.live(self.business.day(changes, told), self.size.seconds, restarts)
            self._pending.append(self.world.rows("SELECT count(*) FROM delivery WHERE word = 4")[0][0])
            if self.size.seconds != DAY_SECONDS or len(self._told) == 2:
                await self._rest()  # a part of a day is over sooner than the window of the day's budget
            self._spent.append(time.perf_counter() - began)
        self._began.append(self.world.seconds)
        await self.world.stop()

    async def _rest(self) -> None:
        """Nothing comes; what waits may go."""
        until = self.world.seconds + 2 * DAY_SECONDS
        while self.world.seconds < until:
            await self.world.clock.sleep(600)
            self.world.check()

    def _figures(self, number: int) -> Day:
        told, (began, ended) = self._told[number - 1], self._began[number - 1 : number + 1]
        kinds = Counter(kind for at, kind in self.world.transport.made if began <= at < ended)
        rows = self.world.rows(
            "SELECT word, delivery.code = 'unchanged', (at_us - received_us) / 1e6 FROM delivery "
            "JOIN event ON event.id = event_id WHERE received_us BETWEEN ? AND ? ORDER BY 3",
            *(MONDAY_US + int(at * 1e6) for at in (began, ended)),
        )
        people = len(told.people) if number > 1 else self.size.people
        companies = len(told.companies) if number > 1 else self.size.companies
        return Day(
            number=number,
            least=people + math.ceil(companies / RECORDS_A_CALL) + told.tracks,
            calls=kinds,
            delays=[delay for word, _, delay in rows if word == DELIVERED],
            delays_with_call=[delay for word, free, delay in rows if word == DELIVERED and not free],
            undelivered=told.events - sum(1 for word, _, _ in rows if word == DELIVERED),
            pending_at_end=self._pending[number - 1],
            seconds=self._spent[number - 1],
        )

    def _print(self, day: Day) -> int:
        """A day's figures; how many targets were missed."""
        kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(day.calls.items()))
        one_at_a_time = CALLS_A_SESSION_ONE_AT_A_TIME * self.size.sessions
        records = day.total - day.calls["events"]
        print(f"\nday {day.number} (took {day.seconds:.0f} s)")
        print(f"  {day.total:,} calls, the least possible is {day.least:,}: {kinds}")
        print(
            f"  one at a time: {one_at_a_time + self.size.tracks:,} calls; people and companies alone "
            f"{one_at_a_time:,} to {records:,}, {one_at_a_time / max(1, records):.1f} to 1"
        )
        for what, delays in (("all events", day.delays), ("events that needed a call", day.delays_with_call)):
            print(
                f"  delay of {what} ({len(delays):,}): p50 {percentile(delays, 50):.1f} s, "
                f"p99 {percentile(delays, 99):.1f} s, longest {percentile(delays, 100):.1f} s"
            )
        return verdict(day.targets(self.size))

    def _print_hours(self, number: int) -> None:
        """Each twenty-fourth of a day: calls by kind, and the delays of what was accepted in it."""
        began, hour = self._began[number - 1], self.size.seconds / 24
        for place in range(24):
            start = began + place * hour
            kinds = Counter(kind for at, kind in self.world.transport.made if start <= at < start + hour)
            rows = self.world.rows(
                "SELECT (at_us - received_us) / 1e6 FROM delivery JOIN event ON event.id = event_id "
                "WHERE received_us >= ? AND received_us < ? AND word = 0 AND delivery.code != 'unchanged' "
                "ORDER BY 1",
                *(MONDAY_US + int(at * 1e6) for at in (start, start + hour)),
            )
            delays = [row[0] for row in rows]
            print(
                f"  {place:2}  {sum(kinds.values()):5,} calls {dict(sorted(kinds.items()))} "
                f"p50 {percentile(delays, 50):.1f} s p99 {percentile(delays, 99):.1f} s"
            )

    def _print_whole(self) -> int:
        """What must hold over both days."""
        transport, limits = self.world.transport, (PER_MINUTE, self.per_day)
        made, met = sorted(at for at, _ in transport.made), sorted(transport.met)
        most = [most_within(made, window) for window in (60.0, DAY_SECONDS)]
        arrived = [most_within(met, window) for window in (60.0, DAY_SECONDS)]
        print(f"\nboth days\n  answers by status: {dict(sorted(transport.statuses.items()))}")
        print(f"  most calls that reached the vendor in any minute {arrived[0]:,}, in any day {arrived[1]:,}")
        told = [f"{n:,} of {limit:,}" for n, limit in zip(most, limits, strict=True)]
        wrong = self._wrong()
        for sentence in wrong[:5]:
            print(f"  {sentence}")
        return verdict(
            [
                (f"no 429: {transport.statuses[429]:,}", not transport.statuses[429]),
                (
                    f"budget never exceeded: {told[0]} in any minute, {told[1]} in any day",
                    most[0] <= limits[0] and most[1] <= limits[1],
                ),
                (f"Gainsight holds what is true: {len(wrong):,} differences", not wrong),
            ]
        )

    def _wrong(self) -> list[str]:
        """Where the sandbox does not hold what the sessions said."""
        cs, found = self.sandbox.cs, []
        companies = {row["Name"]: row for row in cs.companies.rows.values()}
        links = {(row["Person_ID"], row["Company_ID"]) for row in cs.links.rows.values()}
        for company in self.business.companies:
            row = companies.get(company.name, {})
            if (row.get("Employees"), row.get("Summary")) != tuple(company.traits.values()):
                found.append(f"{company.name} is {row}")
        for person in self.business.people:
            row = self.sandbox.people.find(person.email) or {}
            held = {trait: row.get(name) for trait, name in PERSON_NAMES.items()}
            if held != person.traits:
                found.append(f"{person.email} is {row}")
            if (row.get("Gsid"), companies.get(person.company.name, {}).get("Gsid")) not in links:
                found.append(f"{person.email} has no link to {person.company.name}")
        if len(cs.companies.rows) != len(self.business.companies):
            found.append(f"{len(cs.companies.rows):,} companies")
        lost = self.business.tracked - {event["properties"]["number"] for event in cs.events}
        found.extend(f"the track {number} did not arrive" for number in sorted(lost))
        return found


def verdict(targets: Iterable[tuple[str, bool]]) -> int:
    """Print each target; how many were missed."""
    missed = 0
    for sentence, holds in targets:
        print(f"  {'held  ' if holds else 'MISSED'}  {sentence}")
        missed += not holds
    return missed


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed; 0 where there is none."""
    place = math.ceil(len(ascending) * percent / 100) - 1
    return ascending[max(0, place)] if ascending else 0.0


if __name__ == "__main__":
    sys.exit(main())
