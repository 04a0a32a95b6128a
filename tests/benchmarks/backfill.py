"""A history file of 100,000 events beside live ones: how long live events wait, with it and without.

A day of 12,000 live events, some in bursts, each a call; at its beginning the file is let in at once.
Engine, store and destination are the real ones, the vendor is the sandbox with its limits, time is virtual.
The exit code is 1 where a target is missed. Run from the repository's root:

    python -m tests.benchmarks.backfill [--part 10] [--quick] [--seed 1]

`--part 10`: a tenth of the events and of the day's budget; `--quick` is `--part 20`.
The whole takes about six minutes of one core.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from gainstage.log.contract import Entry
from gainstage.normalise import Surroundings
from gainstage.store.rows import DELIVERED, HISTORY
from tests.benchmarks.two_days import percentile, verdict
from tests.benchmarks.virtual import World, most_within

DAY = 86_400.0
PER_MINUTE, PER_DAY, RESERVE = 100, 50_000, 20
BACKFILL, LIVE_EVENTS, PEOPLE = 100_000, 12_000, 2_000
#: So many seconds more may live events wait with the file than without.
DELAY_MORE = 5.0


def main() -> int:
    """Live through the day twice and compare."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--part", type=int, default=1)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    part = 20 if given.quick else given.part
    found = []
    for history in (0, BACKFILL // part):
        with tempfile.TemporaryDirectory() as folder:
            found.append(lived(Path(folder), history, part, given.seed))
    more = percentile(found[1], 99) - percentile(found[0], 99)
    return 1 if verdict([(f"p99 at most {DELAY_MORE:g} s more: {more:.1f} s", more <= DELAY_MORE)]) else 0


def lived(folder: Path, history: int, part: int, seed: int) -> list[float]:
    """The delays of the live events of a day, ascending."""
    world, chance = World(folder, settings(part), seed), random.Random(f"{seed} live")
    per_day = PER_DAY // part
    world.transport.sandbox.state.limits.change({"cs": {"per_minute": PER_MINUTE, "per_day": per_day}})

    async def live() -> None:
        world.start()
        around, now_us = Surroundings(priority=HISTORY).encoded(), world.clock.now_us()
        entries = (
            Entry("app", "", now_us, number, around, track(f"h{number}", chance)) for number in range(history)
        )
        await world.log.append(list(entries))
        await world.live(moments(LIVE_EVENTS // part, chance), DAY, [0.3 * DAY, 0.6 * DAY])
        await world.stop()

    world.clock.run(live())
    world.open()
    rows = world.rows(
        "SELECT substr(message_id, 1, 1), word, (at_us - received_us) / 1e6 FROM delivery "
        "JOIN event ON event.id = event_id ORDER BY 3"
    )
    delays = [delay for kind, word, delay in rows if kind == "l" and word == DELIVERED]
    sent = sum(1 for kind, word, _ in rows if kind == "h" and word == DELIVERED)
    met = sorted(world.transport.met)
    print(
        f"with {history:,} events of history: {sent:,} of them sent; {len(delays):,} live, delay p50 "
        f"{percentile(delays, 50):.1f} s, p99 {percentile(delays, 99):.1f} s, longest {delays[-1]:.1f} s; "
        f"{world.transport.statuses[429]} refused; most calls in a minute {most_within(met, 60.0)}, "
        f"in a day {most_within(met, DAY):,}",
        flush=True,
    )
    world.close()
    return delays


def moments(count: int, chance: random.Random) -> Iterator[tuple[float, bytes]]:
    """Live events, some of which come in bursts."""
    at: list[float] = []
    while len(at) < count:
        at.extend([chance.uniform(0, DAY)] * min(chance.choice((1, 1, 1, 2, 8)), count - len(at)))
    for number, second in enumerate(sorted(at)):
        yield second, track(f"l{number}", chance)


def track(name: str, chance: random.Random) -> bytes:
    """An event of one of the people."""
    user = f"{name[0]}{chance.randrange(PEOPLE)}"
    return msgspec.json.encode(
        {
            "type": "track", "event": "Used", "messageId": name, "userId": user,
            "context": {"traits": {"email": f"{user}@x.example"}},
        }
    )  # fmt: skip


def settings(part: int) -> dict[str, Any]:
    """A destination for events."""
    return {
        "domain": "acme.gainsightcloud.com",
        "access_key": "k" * 36,
        "shared_secret": "s" * 20,
        "tenant_id": "t",
        "topic_name": "topic",
        "events": {"Used": {"name": "Used", "version": "v1"}},
        "budget": {"per_minute": PER_MINUTE, "per_day": PER_DAY // part, "reserve_percent": RESERVE},
    }


if __name__ == "__main__":
    sys.exit(main())
