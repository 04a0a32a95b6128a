"""A backlog of new people with `people_bulk` off and auto: calls of each kind, and when everybody is there.

All people come at once. Engine and store are the real ones, the vendor is the sandbox with its limits, time
is virtual. Bulk calls count against a quota of their own (10 an hour), or against the synchronous one: then
an admin may allow more of them. Figures without verdicts. Run from the repository's root:

    python -m tests.benchmarks.people_bulk [--people 10000] [--per-day 50000] [--quick]

`--quick`: 2,000 people and a twentieth of the single calls. `--seconds 900`: how long Gainsight takes for
a bulk call.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from tests.benchmarks.two_days import percentile
from tests.benchmarks.virtual import World, most_within

PER_MINUTE, PER_DAY = 100, 50_000
#: Name, quota of bulk calls in the sandbox, `people_bulk`, bulk calls an hour and a day.
WAYS = (
    ("off", "counted", "off", 10, 100),
    ("auto, a quota of their own", "counted", "auto", 10, 100),
    ("auto, no quota of their own", "free", "auto", 10, 100),
    ("auto, no quota of their own, 100 an hour allowed", "free", "auto", 100, 1_000),
)


def main() -> int:
    """Each way, one after the other."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--people", type=int, default=10_000)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--seconds", type=float, default=900.0)
    arguments.add_argument("--per-day", type=int, default=PER_DAY)
    given = arguments.parse_args()
    people, part = (2_000, 20) if given.quick else (given.people, 1)
    per_minute, per_day = PER_MINUTE // part, given.per_day // part
    print(f"{people:,} new people; {per_minute} calls a minute, {per_day:,} a day")
    print(f"Gainsight takes {given.seconds:,.0f} s for a bulk call")
    for name, quota, setting, an_hour, a_day in WAYS:
        budget = {
            "per_minute": per_minute,
            "per_day": per_day,
            "reserve_percent": 0,
            "bulk_per_hour": an_hour,
            "bulk_per_day": a_day,
        }
        with tempfile.TemporaryDirectory() as folder:
            Run(Path(folder), people, quota, setting, budget, given.seconds).print(name)
    return 0


class Run:
    """One backlog."""

    def __init__(
        self, folder: Path, people: int, quota: str, setting: str, budget: dict[str, int], seconds: float
    ) -> None:
        settings: dict[str, Any] = {
            "domain": "acme.gainsightcloud.com",
            "access_key": "k" * 36,
            "people_bulk": setting,
            "budget": budget,
        }
        self.people, self.budget = people, budget
        self.world = World(folder, settings, 1)
        self.sandbox = self.world.transport.sandbox.state
        self.sandbox.behaviour.set({"cs_async_quota": quota, "cs_async_seconds": seconds})
        limits = {name: budget[name] for name in ("per_minute", "per_day")}
        self.sandbox.limits.change({"cs": limits})

    def print(self, name: str) -> None:
        """Live through it and say what it took."""
        began = time.perf_counter()
        self.world.clock.run(self._live())
        self.world.open()
        transport, world = self.world.transport, self.world
        delays = [
            row[0]
            for row in world.rows(
                "SELECT (at_us - received_us) / 1e6 FROM delivery JOIN event ON event.id = event_id "
                "WHERE word = 0 ORDER BY 1"
            )
        ]
        kinds = Counter(kind for _, kind in transport.made)
        bulk = kinds.pop("other: /v1/peoplemgmt/v1.0/people/async", 0)
        asked = sum(n for kind, n in kinds.items() if "/people/async/" in kind)
        told = ", ".join(f"{percentile(delays, p) / 60:,.0f}" for p in (50, 90, 99, 100))
        refused = {status: n for status, n in sorted(transport.statuses.items()) if status != 200}
        most = most_within(sorted(at for at, _ in transport.made), 86_400.0)
        print(
            f"  {name}: {kinds['people']:,} single calls, {bulk} in bulk, {asked} questions; "
            f"{len(transport.made):,} calls in all, at most {most:,} in a day; there after minutes: "
            f"p50, p90, p99, last {told}; {len(delays):,} delivered, "
            f"{len(self.sandbox.cs.people.rows):,} people; refused {refused or 'none'} "
            f"(took {time.perf_counter() - began:.0f} s)",
            flush=True,
        )
        world.close()

    async def _live(self) -> None:
        """Everybody at once, after one that shows that calls succeed; then as long as it takes."""
        world, chance = self.world, random.Random(1)
        world.start()
        messages = [
            (0.0 if number == 0 else 60.0, msgspec.json.encode({
                "type": "identify", "messageId": f"m-{number}", "userId": f"u-{number}",
                "traits": {"email": f"p{number}@acme.test", "name": f"Person {chance.random()}"},
            }))
            for number in range(self.people)
        ]  # fmt: skip
        await world.live(messages, 120.0, ())
        while world.rows("SELECT count(*) FROM delivery WHERE word = 4")[0][0]:
            await world.clock.sleep(60)
            world.check()
        await world.stop()


if __name__ == "__main__":
    sys.exit(main())
