"""What must be true of the events that the tenant received: each as often as it must be, in order."""

from collections.abc import Iterable, Mapping, Sequence

from tests.properties.cs.reading import Heard
from tests.properties.outcomes import DELIVERED, Ended, Key, judge_repeats
from tests.properties.transport import expect
from tests.properties.world import Tenancy


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
