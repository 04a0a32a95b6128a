"""What must be true of the events that the tenant received: each as often as it must be, in order."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.properties.reading import Heard, Key
from tests.properties.transport import Attempt, expect
from tests.properties.world import Tenancy

WORDS = ("delivered", "filtered", "failed", "parked", "pending")
DELIVERED, FILTERED, FAILED, PARKED = range(4)


class Ended(NamedTuple):
    """How a message ended at a destination."""

    word: int
    code: str
    at: float
    detail: str


def judge_events(
    tenancy: Tenancy, all_heard: Sequence[Heard], ended: Mapping[Key, Mapping[str, Ended]]
) -> None:
    """Raise Broken where an event is missing, came again without need, or out of order."""
    receipts = [event["properties"]["seq"] for event in tenancy.sandbox.cs.events]
    settings = tenancy.case.first
    for heard in all_heard:
        said = heard.said
        mapped = said.kind == "track" and said.track in settings["events"]
        if mapped and any(one.word == DELIVERED for one in ended[heard.key].values()):
            expect(said.message_id in receipts, f"{said.message_id} was delivered and never received")
        expect(mapped or said.message_id not in receipts, f"{said.message_id} was received as an event")
    if len(tenancy.case.feeds) == 1:  # else each destination publishes for itself
        judge_repeats(tenancy, holds=settings["on_unknown"] == "hold")
        judge_order(dict.fromkeys(receipts), {heard.said.message_id: heard for heard in all_heard})


def judge_repeats(tenancy: Tenancy, *, holds: bool) -> None:
    """Nothing is sent again after its answer, nor, under `hold`, after its answer was lost."""
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in tenancy.transport.attempts:
        attempts[attempt.message_id].append(attempt)
    for message_id, made in attempts.items():
        for one, again in pairwise(made):
            killed = any(one.at - 1 <= end <= again.at for end in tenancy.ends)
            expect(one.ended != "yes" or killed, f"{message_id} was sent again after its answer had come")
            held = one.ended == "no" or (killed and one.ended == "yes")
            expect(held or not holds, f"{message_id} was repeated in spite of hold")


def judge_order(firsts: Iterable[str], by_id: Mapping[str, Heard]) -> None:
    """The events of a user arrive in the order in which they came."""
    last: dict[tuple[str, str], Heard] = {}
    for message_id in firsts:
        heard = by_id[message_id]
        lane = (heard.said.user or heard.said.device, heard.said.source)
        before = last.get(lane)
        sentence = f"{message_id} arrived after a later event of {lane[0]}"
        expect(before is None or before.index < heard.index, sentence)
        last[lane] = heard
