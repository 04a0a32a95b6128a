"""What the writers of all worlds leave to chance in the same way: when messages come, and what goes wrong."""

import random
from collections.abc import Sequence
from typing import Any, Protocol

from gainstage_sandbox.behaviour import SWITCHES
from tests.properties.case import Case, Message, Sent, Stop

#: 2026-01-05T00:00:00Z.
BEGAN_US = 1_767_571_200_000_000
SECOND_US = 1_000_000
FAULTS = ("throttled", "failed", "late", "slow", "reset", "lost", "cut", "page", "empty")
STOPS = (
    "before the call",
    "after the call",
    "after the call",
    "before commit",
    "after commit",
    "kill",
    "stop",
)


class Writer(Protocol):
    """Writes the messages of a world."""

    count: int
    said: list[Any]

    def write(self) -> Message:
        """The next message, which is the last of `said` then."""
        ...

    def with_body(self, said: Any, received_us: int) -> Message:
        """The message as it is sent."""
        ...


def switches(chance: random.Random, prefix: str, rate: float, left_out: set[str]) -> dict[str, Any]:
    """Behaviours of a tenant, some of them not the usual ones."""
    found: dict[str, Any] = {}
    for switch in SWITCHES:
        ours = switch.name.startswith(prefix) and switch.values and switch.name not in left_out
        if ours and chance.random() < rate:
            found[switch.name] = chance.choice(switch.values)
    return found


def usual(name: str) -> Any:
    """What a switch says when nobody turned it."""
    return next(switch.default for switch in SWITCHES if switch.name == name)


def shift_us(chance: random.Random) -> int:
    """How far an event's own time lies from its receipt."""
    kind = chance.random()
    if kind < 0.6:
        return 0
    if kind < 0.9:
        return -chance.randint(0, 600 * SECOND_US)
    ahead = chance.random() < 0.5
    return chance.randint(0, 3600 * SECOND_US) if ahead else -chance.randint(0, 10**12)


def write_stream(chance: random.Random, case: Case, writer: Writer) -> None:
    """Messages in bursts, some of them twice."""
    at, many = 1.0, chance.choice((6, 15, 30, 60))
    while writer.count < many:
        at = round(at + chance.choice((0.1, 0.7, 3.0, 10.0, 10.0, 90.0)) * chance.uniform(0.5, 1.5), 3)
        messages: list[Message] = []
        for _ in range(chance.choice((1, 1, 2, 5, 12))):
            if writer.said and chance.random() < 0.04:
                messages.append(chance.choice(writer.said))
            else:
                said = writer.with_body(writer.write(), BEGAN_US + round(at * SECOND_US))
                writer.said[-1] = said
                messages.append(said)
        case.sent.append(Sent(at, tuple(messages)))


def add_troubles(
    chance: random.Random, case: Case, api: str, paths: Sequence[str], repeated: Sequence[str]
) -> None:
    """What goes wrong, and when. `paths`: where; `repeated`: those of them whose calls may be made again."""
    length = case.sent[-1].at + 20
    for kind in FAULTS:
        if chance.random() < 0.25:
            case.faults.append(_fault(chance, kind, api, paths, repeated))
    for _ in range(chance.choice((0, 0, 1, 2, 4))):
        how = chance.choice(STOPS)
        number: float = chance.randint(1, 60)
        if how in ("kill", "stop"):
            number = round(chance.uniform(1, length), 3)
        elif how.endswith("commit"):
            number = chance.randint(3, 150)
        case.stops.append(Stop(how, number, chance.choice((0.0, 1.0, 30.0, 200.0))))
    if chance.random() < 0.12:
        start = round(chance.uniform(0, length), 3)
        case.locked.append((start, round(start + chance.uniform(5, 400), 3)))


def _fault(
    chance: random.Random, kind: str, api: str, paths: Sequence[str], repeated: Sequence[str]
) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "throttled": {"fault": "status", "status": 429},
        "failed": {"fault": "status", "status": chance.choice((500, 502, 503, 504))},
        "late": {"fault": "hang", "seconds": 20},
        "slow": {"fault": "delay", "seconds": chance.choice((2, 9))},
        "reset": {"fault": "reset"},
        "lost": {"fault": "lost_answer"},
        "cut": {"fault": "cut_body"},
        "page": {"fault": "html"},
        "empty": {"fault": "empty_body"},
    }[kind]
    if kind in ("failed", "late", "page", "empty"):
        rule["processed"] = chance.random() < 0.6
    if kind in ("throttled", "failed") and chance.random() < 0.4:
        rule["headers"] = {"Retry-After": str(chance.randint(1, 40))}
    if chance.random() < 0.5:
        rule["path"] = chance.choice(paths)
    if kind == "empty" and not rule["processed"]:
        rule["path"] = chance.choice(repeated)
    rule |= {"api": api, "times": chance.choice((1, 2, 5, 20)), "skip": chance.choice((0, 0, 3, 10))}
    rule |= {"probability": chance.choice((1.0, 0.3)), "seed": chance.randint(1, 10**6)}
    return rule
