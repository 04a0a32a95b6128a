"""Trouble with one key, one destination, one answer or one batch: how much longer all others wait for it.

An hour of a small business at Gainsight CS and PX: 400 people of 60 companies, 2,400 identifies, groups and
tracks. Engine, store and destinations are the real ones, the vendor is the sandbox with its limits and
faults, time is virtual, so the figures are the same on every machine. Each kind of trouble lasts for the
whole hour; compared are the delays of the events that have nothing to do with it, with it and without.
The exit code is 1 where a target is missed. Run from the repository's root:

    python -m tests.benchmarks.isolation [--quick] [--seed 1]

`--quick`: ten minutes and a sixth of the events. The whole takes about two minutes of one core.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gainstage.clock import SECOND_US
from gainstage.connection import Configuration, Connected, Source
from gainstage.destinations.registry import load
from gainstage.store.rows import DELIVERED, Document
from tests.benchmarks.two_days import percentile, verdict
from tests.benchmarks.virtual import LONGEST_SLEEP_SECONDS, STEP_SECONDS, World

HOUR = 3_600.0
PEOPLE, COMPANIES, EVENTS = 400, 60, 2_400
#: Whoever is in trouble: one person, and one company.
ODD = 0
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "cs": (
        "gainsight_cs",
        {"domain": "acme", "access_key": "k" * 36, "company_fields": {"tier": "Tier__gc"}},
    ),
    "px": ("gainsight_px", {"api_key": "k" * 36, "product_tag_key": "AP-EXAMPLE001-2"}),
}
TIER = {"name": "Tier__gc", "type": "PICKLIST", "options": ["Gold"]}
#: CS publishes no tracks here: this is about records and their batches.
KINDS = {"cs": frozenset({"identify", "group"}), "px": frozenset({"identify", "group", "track"})}
#: So many seconds more the others may wait, at the 99th of a hundred.
SECONDS_MORE = 3.0


@dataclass(frozen=True)
class Trouble:
    """One kind of trouble: the sandbox's faults, and which deliveries have to do with it."""

    title: str
    faults: Sequence[Mapping[str, Any]] = ()
    #: Whether a delivery (destination, person, company) is one of those in trouble.
    concerns: Callable[[str, int, int], bool] = lambda destination, person, company: False
    #: The odd company's tier, which Gainsight refuses where it has none such.
    tier: str = "Gold"


TROUBLES = (
    Trouble(
        "a key that always fails",
        [{"fault": "status", "contains": f"user{ODD}@", "status": 500, "times": None}],
        lambda destination, person, company: person == ODD,
    ),
    Trouble(
        "a destination that is down",
        [{"fault": "status", "api": "px", "status": 503, "times": None}],
        lambda destination, person, company: destination == "px",
    ),
    Trouble(
        "an answer that takes 14 s",
        [{"fault": "delay", "contains": f"user{ODD}@", "seconds": 14, "times": None}],
        lambda destination, person, company: person == ODD,
    ),
    Trouble(
        "a record that spoils its batch",
        concerns=lambda destination, person, company: destination == "cs" and company == ODD,
        tier="Mud",
    ),
)


class TwoDestinations(World):
    """Gainsight CS and PX, fed by one source."""

    def _configuration(self, documents: Sequence[Document], revision: int) -> Configuration:
        destinations = {}
        for name, (kind, settings) in SETTINGS.items():
            destination = load(kind)
            read = destination.settings.model_validate(settings)
            destinations[name] = Connected(name, destination, read, frozenset({"app"}), KINDS[name])
        return Configuration(revision, {"app": Source("app", "server", "k")}, destinations)

    def _idle_seconds(self, hungry: bool) -> float:
        if hungry:
            return STEP_SECONDS
        now_us = self.clock.now_us()
        ((due_us,),) = self.rows(
            "SELECT min(at) FROM (SELECT min(due_us) AS at FROM lane WHERE due_us > ?1 "
            "UNION ALL SELECT min(resume_us) FROM destination WHERE resume_us > ?1)",
            now_us,
        )
        if due_us is None:
            return LONGEST_SLEEP_SECONDS
        return min(max((due_us - now_us) / SECOND_US, STEP_SECONDS), LONGEST_SLEEP_SECONDS)


def main() -> int:
    """Live through the hour with each kind of trouble and compare."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    part, held = 6 if given.quick else 1, []
    undisturbed = lived(Trouble("none"), given.seed, part)
    for trouble in TROUBLES:
        compared = Compared.of(trouble, undisturbed, lived(trouble, given.seed, part))
        without, beside = compared.without, compared.beside
        print(
            f"{trouble.title}: {len(beside):,} others; p50 {percentile(without, 50):.1f} s without and "
            f"{percentile(beside, 50):.1f} s beside it, p99 {percentile(without, 99):.1f} s and "
            f"{percentile(beside, 99):.1f} s, longest {without[-1]:.1f} s and {beside[-1]:.1f} s; "
            f"of {len(compared.own_without):,} concerned {len(compared.own_beside):,} arrived",
            flush=True,
        )
        held.append(
            (
                f"{trouble.title}: p99 at most {SECONDS_MORE:g} s more: {compared.more:.1f} s",
                compared.more <= SECONDS_MORE,
            )
        )
        held.append((f"{trouble.title}: all others delivered", len(beside) == len(without)))
        held.append((f"{trouble.title}: there is trouble indeed", compared.is_trouble))
    return 1 if verdict(held) else 0


class Delivery(NamedTuple):
    """What was delivered: to which destination, of which person and company (-1: none), after how long."""

    destination: str
    person: int
    company: int
    delay: float


@dataclass(frozen=True)
class Compared:
    """The delays of the others without the trouble and beside it, ascending; and of those concerned."""

    without: list[float]
    beside: list[float]
    own_without: list[float]
    own_beside: list[float]

    @classmethod
    def of(
        cls, trouble: Trouble, undisturbed: Sequence[Delivery], disturbed: Sequence[Delivery]
    ) -> "Compared":
        """The two hours side by side."""
        found = [
            sorted(one.delay for one in deliveries if trouble.concerns(*one[:3]) == concerned)
            for concerned in (False, True)
            for deliveries in (undisturbed, disturbed)
        ]
        return cls(*found)

    @property
    def more(self) -> float:
        """So many seconds more the others wait, at the 99th of a hundred."""
        return percentile(self.beside, 99) - percentile(self.without, 99)

    @property
    def is_trouble(self) -> bool:
        """Whether those concerned did not arrive, or much later."""
        lost = len(self.own_beside) < len(self.own_without) / 2
        return lost or percentile(self.own_beside, 50) > percentile(self.own_without, 50) + 5


def lived(trouble: Trouble, seed: int, part: int) -> list[Delivery]:
    """What was delivered in the hour: destination, person, company (-1: none), delay in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        world, chance = TwoDestinations(Path(folder), {}, seed), random.Random(f"{seed} hour")
        world.transport.sandbox.state.seed({"cs": {"schema": {"Company": [TIER]}}})
        world.transport.sandbox.state.faults.add([dict(fault) for fault in trouble.faults])
        seconds = HOUR / part

        async def live() -> None:
            world.start()
            await world.live(moments(trouble, EVENTS // part, seconds, chance), seconds + 300, [])
            await world.stop()

        world.clock.run(live())
        world.open()
        rows = world.rows(
            "SELECT name, message_id, (at_us - received_us) / 1e6 FROM delivery "
            "JOIN event ON event.id = event_id JOIN destination ON destination.id = destination_id "
            "WHERE word = ?",
            DELIVERED,
        )
        world.close()
    return [
        Delivery(name, *map(int, message_id.split("/")[1:]), delay)  # type: ignore[misc, arg-type]
        for name, message_id, delay in rows
    ]


def moments(
    trouble: Trouble, count: int, seconds: float, chance: random.Random
) -> Iterator[tuple[float, bytes]]:
    """The hour's events; one in twenty is of the odd person, one group in ten of the odd company."""
    for number, at in enumerate(sorted(chance.uniform(0, seconds) for _ in range(count))):
        person = ODD if chance.random() < 0.05 else chance.randrange(PEOPLE)
        kind = chance.choice(("identify", "group", "track"))
        company = (ODD if chance.random() < 0.1 else chance.randrange(COMPANIES)) if kind == "group" else -1
        yield at, message(trouble, kind, number, person, company)


def message(trouble: Trouble, kind: str, number: int, person: int, company: int) -> bytes:
    """An event that changes something."""
    email = f"user{person}@x.example"
    said: dict[str, Any] = {
        "type": kind,
        "messageId": f"{number}/{person}/{company}",
        "userId": f"user{person}@",
        "context": {"traits": {"email": email}},
    }
    match kind:
        case "identify":
            said["traits"] = {"email": email, "title": f"title {number}", "comments": f"comment {number}"}
        case "group":
            traits = {"name": f"Firm {company}", "industry": f"industry {number}"}
            traits["tier"] = trouble.tier if company == ODD else "Gold"
            said |= {"groupId": f"firm{company}", "traits": traits}
        case _:
            said |= {"event": "Used", "properties": {"number": number}}
    return msgspec.json.encode(said)


if __name__ == "__main__":
    sys.exit(main())
