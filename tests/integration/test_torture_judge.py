"""The judge of the torture, with made-up data: what it must excuse, and what it must not."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.torture import killing
from tests.torture.killing import NAMED, Aims, Killer
from tests.torture.load import POISONED, Message, end_of, poison_for
from tests.torture.marks import Marks
from tests.torture.oracle import Verdict, judge_ends, judge_repeats
from tests.torture.repeats import Copy, Excuses, Kill, copies_of, excuse
from tests.torture.report import Report
from tests.torture.rounds import LONG_RUN, judge_moments, rounds_of_a_world
from tests.world import World, configured

NOTHING = Excuses({}, [], 0.0)


def copies(*times: float, of: str = "m1") -> dict[str, list[Copy]]:
    return {"cs": [Copy(of, at) for at in times]}


def test_a_repeat_is_excused_by_a_kill_soon_after_the_first_copy_and_before_the_second() -> None:
    found = excuse(copies(100.0, 103.0), [Kill(90.0, 5), Kill(100.2, 1)])
    assert (found.without, found.beyond) == ({}, [])
    assert found.longest_seconds == pytest.approx(0.2)


def test_a_call_that_the_vendor_read_just_after_its_kill_was_under_way() -> None:
    assert not excuse(copies(100.1, 103.0), [Kill(100.0, 1)]).without


@pytest.mark.parametrize(
    ("times", "kills"),
    [
        ((100.0, 103.0), []),
        ((100.0, 100.1), [100.2]),  # sent twice before the kill
        ((100.0, 109.0), [104.0]),  # its answer was recorded long before the kill
        ((100.0, 109.0), [99.0]),
        ((100.0, 103.0, 106.0), [100.1]),  # a repeat of the repeat needs a kill of its own
    ],
)
def test_a_repeat_that_no_kill_explains_is_a_problem(times: tuple[float, ...], kills: list[float]) -> None:
    excuses = excuse(copies(*times), [Kill(at) for at in kills])
    assert list(excuses.without) == ["cs"] and len(excuses.without["cs"]) == 1
    verdict = Verdict()
    judge_repeats(verdict, copies(*times), excuses, {("m1", "cs"): len(times)})
    assert "cs: repeated without a kill: 1" in verdict.problems[0]


def test_a_kill_excuses_no_more_repeats_than_calls_were_under_way() -> None:
    came = {"cs": [Copy(f"m{n}", at) for at in (100.0, 103.0) for n in range(3)]}
    assert not excuse(came, [Kill(100.1, 3)]).beyond
    assert excuse(came, [Kill(100.1, 2)]).beyond == ["3 copies, 2 calls at 100.100"]


def test_what_came_to_a_vendor_without_a_note_in_the_store_is_a_problem() -> None:
    verdict = Verdict()
    judge_repeats(verdict, copies(100.0, 103.0), NOTHING, {("m1", "cs"): 1})
    assert verdict.problems == ["cs: sent without a note: 1, for example ['m1']"]


def test_appends_are_known_by_what_the_vendors_were_sent() -> None:
    requests = [
        ("/clickstream/segmentio/event", {"messageId": "a"}, 1.0),
        ("/v1.0/api/eventManager/event", {"id": "b"}, 2.0),
        ("/v1/events/custom", {"attributes": {"id": "c"}, "eventId": "c"}, 3.0),
        ("/v1/users", {"identifyId": "u"}, 4.0),
    ]
    found = {name: [copy.message_id for copy in came] for name, came in copies_of(requests).items()}
    assert found == {"clickstream": ["a"], "cs": ["b"], "px": ["c"]}


def message(kind: str = "track", email: str = "u@torture.example", **values: Any) -> Message:
    traits = {"email": email} if email else {}
    return {"type": kind, "context": {"traits": traits}, "properties": values, "traits": values}


@pytest.mark.parametrize(
    ("event", "cs_end", "px_end"),
    [
        (message(), ("delivered", ""), ("delivered", "")),
        (message(**{POISONED["px"]: poison_for("px")}), ("delivered", ""), ("failed", "refused")),
        (message("identify", **{POISONED["cs"]: "x"}), ("failed", "value_invalid"), ("delivered", "")),
        (message("group", email=""), ("parked", "email_missing"), ("delivered", "")),
    ],
)
def test_an_event_must_end_as_it_says_itself_and_with_that_reason(
    event: Message, cs_end: tuple[str, str], px_end: tuple[str, str]
) -> None:
    assert (end_of(event, "cs"), end_of(event, "px")) == (cs_end, px_end)
    right = {"clickstream": [("delivered", "")], "cs": [cs_end], "px": [px_end]}
    assert problems_of(event, right) == []
    for name, (word, reason) in (("cs", cs_end), ("px", px_end)):
        other = "failed" if word == "delivered" else "delivered"
        for wrong in ([(other, reason)], [(word, "internal_error")], [(word, reason)] * 2, []):
            assert len(problems_of(event, {**right, name: wrong})) == 1


def problems_of(event: Message, ends: dict[str, list[tuple[str, str]]]) -> list[str]:
    verdict = Verdict()
    judge_ends(verdict, {"m1": event}, {"m1": ends})
    return verdict.problems


def test_a_short_run_is_shared_by_a_vendor_with_keys_and_one_without() -> None:
    def worlds(rounds: int) -> list[int]:
        found: list[int] = []
        while sum(found) < rounds:
            found.append(rounds_of_a_world(rounds, sum(found)))
        return found

    assert [worlds(rounds) for rounds in (1, 4, 30, 80)] == [[1], [2, 2], [15, 15], [40, 40]]
    assert worlds(90) == [40, 40, 10]


def test_a_long_run_that_never_hit_a_named_moment_fails_and_says_which() -> None:
    report = Report(1, named=NAMED, rounds=LONG_RUN - 1, moments=Counter(NAMED - {"fsync", "store commit"}))
    judge_moments(report)
    assert not report.problems
    assert "never hit     fsync, store commit" in report.lines()
    report.rounds += 1
    judge_moments(report)
    assert report.problems == [f"never hit in {LONG_RUN} rounds: fsync, store commit"]


def test_a_moment_that_a_kill_missed_is_waited_for_again_before_the_others_come_round() -> None:
    aims = Aims(random.Random(1))
    moments = killing.MOMENTS["computing"]
    missed, taken = aims.next("computing"), []
    aims.was("computing", missed, hit=False)
    for _ in moments:
        taken.append(aims.next("computing"))
        aims.was("computing", taken[-1], hit=True)
    assert sorted(taken) == sorted(moments)
    assert taken[1] == missed


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[World]:
    """A world whose server is a process that has started none beside it."""
    world = World(tmp_path, "http://127.0.0.1:9", configured())
    world.server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield world
    world.close()


@pytest.mark.parametrize("kind", ["delivery", "computing", "both"])
def test_a_round_that_finds_nobody_to_kill_is_no_kill(
    idle: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killing, "WORK_SECONDS", 0.1)
    monkeypatch.setattr(killing, "WEIGHTS", [int(one == kind) for one in killing.KINDS])
    chance = random.Random(1)
    killer = Killer(idle, Marks(idle.folder / "marks"), chance, Aims(chance))
    assert killer.strike() is None
    assert killer.of_delivery == []
    assert idle.server is not None and idle.server.poll() is None
