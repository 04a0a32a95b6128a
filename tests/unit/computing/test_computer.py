"""What a computer says and when: destinations that come later, pauses, edits, and what it need not keep."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gainstage.audiences.definition import Audience, Clause, ComputedTrait, Member, Performed, Window
from tests.unit.computing.desk import Desk

pytestmark = pytest.mark.anyio
DAY = 86_400
USED = Clause("Used")
KEEN = Audience(
    key="keen", name="Keen", destinations=("cs",), condition=Performed(USED, Window(0, 30 * DAY), 2)
)
SPENT = ComputedTrait(
    key="spent", name="Spent", destinations=("cs",), clause=Clause("Paid", (), "sum"), aggregate="sum"
)


def used(user: str, ago: float = 0) -> dict[str, object]:
    return {"type": "track", "userId": user, "event": "Used", "ago": ago}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


async def test_the_first_run_tells_every_member_and_nobody_else(desk: Desk) -> None:
    desk.happen(used("1"), used("1"), used("2"), {"type": "identify", "userId": "3"})
    await desk.compute([KEEN])
    assert desk.said() == [("keen", "u:1", True)]
    assert desk.told == []


async def test_a_call_goes_to_the_named_destinations_alone_after_what_is_live(desk: Desk) -> None:
    desk.happen(used("1"), used("1"), {"type": "identify", "userId": "1", "traits": {"email": "A@X.test"}})
    await desk.compute([replace(KEEN, destinations=("cs", "px"))])
    [message] = desk.told
    assert message["integrations"] == {"All": False, "cs": True, "px": True}
    assert message["traits"] == {"keen": True, "email": "a@x.test"}
    assert message["context"]["personas"]["computation_class"] == "audience"


async def test_a_destination_that_comes_later_is_told_alone_what_everybody_has(desk: Desk) -> None:
    desk.happen(used("1"), used("1"))
    await desk.compute([KEEN])
    desk.said()
    await desk.compute([replace(KEEN, destinations=("cs", "px"))])
    [message] = desk.told
    assert message["integrations"] == {"All": False, "px": True}
    assert desk.said() == [("keen", "u:1", True)]
    await desk.compute([replace(KEEN, destinations=("cs", "px"))])
    assert desk.said() == []


async def test_the_first_destination_of_a_computation_that_had_none_is_told_everything(desk: Desk) -> None:
    desk.happen(used("1"), used("1"))
    await desk.compute([replace(KEEN, destinations=())])
    assert desk.said() == []
    await desk.compute([KEEN])
    assert desk.said() == [("keen", "u:1", True)]


async def test_while_paused_nothing_is_said_and_what_went_back_is_never_said(desk: Desk) -> None:
    desk.happen(used("1"), used("1"), used("2", ago=30 * DAY - 60), used("2"))
    await desk.compute([replace(KEEN, paused=True)])
    desk.clock.forward(seconds=120)
    await desk.compute([replace(KEEN, paused=True)], at_once=True)
    assert desk.said() == []
    await desk.compute([KEEN])
    assert desk.said() == [("keen", "u:1", True)]


async def test_what_happened_while_a_computation_was_switched_off_counts_once_it_is_on(desk: Desk) -> None:
    desk.happen(used("1"))
    await desk.compute([KEEN])
    await desk.compute([replace(KEEN, enabled=False)])
    desk.happen(used("1"))
    await desk.compute([replace(KEEN, enabled=False)])
    assert desk.said() == []
    await desk.compute([KEEN])
    assert desk.said() == [("keen", "u:1", True)]


async def test_an_edit_tells_the_difference_alone(desk: Desk) -> None:
    desk.happen(used("1"), used("1"), used("2"))
    await desk.compute([KEEN])
    desk.said()
    await desk.compute([replace(KEEN, condition=Performed(USED, Window(0, 30 * DAY), 1))])
    assert desk.said() == [("keen", "u:2", True)]


@pytest.mark.parametrize("steps", range(24))
async def test_whoever_names_what_was_edited_follows_wherever_the_process_ended_meanwhile(
    desk: Desk, steps: int
) -> None:
    named = Audience(key="named", name="Named", destinations=("cs",), condition=Member("keen"))
    desk.happen(used("1"), used("1"), used("2"))
    await desk.compute([KEEN, named])
    desk.said()
    edited = replace(KEEN, condition=Performed(USED, Window(0, 30 * DAY), 1))
    desk.fate.steps = steps
    await desk.compute([edited, named])
    assert sorted(desk.said()) == [("keen", "u:2", True), ("named", "u:2", True)]


async def test_events_that_count_no_more_are_let_go_and_read_again_for_a_longer_window(desk: Desk) -> None:
    desk.happen(used("1", ago=10 * DAY), used("1"))
    short = replace(KEEN, condition=Performed(USED, Window(0, 5 * DAY), 2))
    await desk.compute([short])
    desk.clock.forward(days=1)
    await desk.compute([short], at_once=True)
    desk.clock.forward(days=1)
    await desk.compute([short], at_once=True)
    assert desk.bench.rows("SELECT count(*) FROM hit") == [(1,)]
    assert desk.said() == []
    await desk.compute([KEEN])
    assert desk.said() == [("keen", "u:1", True)]


async def test_a_value_that_goes_away_is_told_as_nothing(desk: Desk) -> None:
    spent = replace(SPENT, window=Window(0, 90 * DAY))
    desk.happen({"type": "track", "userId": "1", "event": "Paid", "properties": {"sum": 2.5}})
    await desk.compute([spent])
    assert desk.said() == [("spent", "u:1", 2.5)]
    desk.clock.forward(days=91)
    await desk.compute([spent])
    assert desk.said() == [("spent", "u:1", None)]


async def test_what_a_device_did_counts_for_its_user_once_that_is_known(desk: Desk) -> None:
    desk.happen({"type": "track", "anonymousId": "x", "event": "Used"}, used("1"))
    await desk.compute([KEEN])
    assert desk.said() == []
    desk.happen({"type": "identify", "userId": "1", "anonymousId": "x"})
    await desk.compute([KEEN])
    assert desk.said() == [("keen", "u:1", True)]


async def test_a_removed_computation_says_nothing_more_and_keeps_its_key(desk: Desk) -> None:
    desk.happen(used("1"), used("1"))
    await desk.compute([KEEN])
    desk.said()
    await desk.compute([])
    assert desk.said() == []
    assert desk.values() == set()
    assert desk.state.computations()["keen"].removed


async def test_delivery_that_is_behind_is_given_no_more(desk: Desk) -> None:
    desk.happen(used("1"), used("1"))
    await desk.compute([KEEN], waiting=1_000_000)
    assert desk.said() == []
    assert desk.state.waiting() == {"keen": 1}
    await desk.compute([KEEN])
    assert desk.said() == [("keen", "u:1", True)]


async def test_a_damaged_file_of_work_is_made_anew(desk: Desk) -> None:
    desk.happen(used("1"), used("1"))
    await desk.compute([KEEN])
    desk.said()
    desk.close()
    desk.bench.path.write_bytes(b"nothing that anybody could read" * 1_000)
    desk.open()
    desk.happen(used("2"), used("2"))
    await desk.compute([KEEN])
    assert desk.said() == [("keen", "u:2", True)]
