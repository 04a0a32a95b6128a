"""The real server on a machine whose clock is set by days, forward and back, with work on its way.

The clock is the one that its processes read (`tests.torture.clock`): that of the machine belongs to others,
and `faketime` would have to be installed and changes what measures durations, too.
"""

from collections.abc import Callable
from typing import Any

import pytest

from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.messages import group, identify, track
from tests.torture.clock import Clock
from tests.torture.marks import PYTHONPATH
from tests.world import World, clickstream, configured, cs, fetch, px, wait_for

DAY_SECONDS = 86_400.0
NAMES = ("clickstream", "cs", "px")
#: After four failures the destinations themselves are waited for.
FAILURES = (2, 4)
#: What lingers for others, and a few tries more, take some four seconds.
SOON_SECONDS = 12.0

MakeTimed = Callable[[], tuple[World, Clock]]


@pytest.fixture
def make_timed(make_world: MakeWorld, sandbox: Running) -> MakeTimed:
    """A running world with a clock of its own."""

    def make() -> tuple[World, Clock]:
        world = make_world(everything(sandbox))
        clock = Clock(world.folder / "clock")
        world.environment = {**clock.environment(), "PYTHONPATH": PYTHONPATH}
        world.start()
        return world, clock

    return make


def everything(sandbox: Running, *, paused: bool = False) -> dict[str, Any]:
    """A configuration with every destination, which may be paused."""
    made = (clickstream(sandbox.url), cs(sandbox.url), px(sandbox.url))
    return configured(*({**one, "paused": paused} for one in made))


def events(number: int) -> list[dict[str, Any]]:
    """Nine events of three users, of each kind."""
    users = [f"u{number}-{one}" for one in range(3)]
    return [made for user in users for made in (identify(user), group(user, "Acme"), track(user))]


def settled(world: World, taken: int) -> None:
    """Wait until so many events were delivered everywhere."""

    def reached() -> bool:
        rows = [world.counts(name) for name in NAMES]
        return all(row["received"] == row["delivered"] == taken for row in rows)

    wait_for(reached, SOON_SECONDS, f"the delivery of {taken}")


def refuse_some(sandbox: Running, failures: int) -> None:
    """Every vendor fails so often."""
    sandbox.state.faults.add(
        [{"fault": "status", "api": name, "status": 500, "times": failures} for name in NAMES],
    )


def failed(sandbox: Running, times: int) -> bool:
    """Whether every vendor has failed so often."""
    return all(rule["fired"] >= times for rule in sandbox.state.faults.describe())


@pytest.mark.parametrize("failures", FAILURES)
def test_what_is_to_be_tried_again_goes_when_the_clock_is_set_days_forward(
    make_timed: MakeTimed, sandbox: Running, failures: int
) -> None:
    world, clock = make_timed()
    refuse_some(sandbox, failures)
    world.take(*events(1))
    wait_for(lambda: failed(sandbox, failures - 1))
    clock.set(3 * DAY_SECONDS)
    settled(world, 9)
    world.take(*events(2))
    settled(world, 18)
    assert fetch(f"{world.address}/ready")["status"] == "ready"
    world.stop()
    assert "level=error" not in world.said(), world.said()[-2000:]


def test_events_that_come_after_the_clock_was_set_days_back_go_as_before(make_timed: MakeTimed) -> None:
    world, clock = make_timed()
    world.take(*events(1))
    settled(world, 9)
    for number, days in enumerate((-3, -30), start=2):
        clock.set(days * DAY_SECONDS)
        world.take(*events(number))
        settled(world, 9 * number)
    clock.set(0)
    world.take(*events(4))
    settled(world, 36)
    world.stop()
    assert "level=error" not in world.said(), world.said()[-2000:]


@pytest.mark.parametrize("failures", FAILURES)
def test_what_is_to_be_tried_again_waits_no_longer_when_the_clock_is_set_days_back(
    make_timed: MakeTimed, sandbox: Running, failures: int
) -> None:
    """As long as the clock was set back, neither what failed nor what comes is sent."""
    world, clock = make_timed()
    refuse_some(sandbox, failures)
    world.take(*events(1))
    wait_for(lambda: failed(sandbox, failures - 1))
    clock.set(-3 * DAY_SECONDS)
    world.take(*events(2))
    settled(world, 18)


def test_nothing_that_waits_is_let_go_when_the_clock_is_set_weeks_forward(
    make_timed: MakeTimed, sandbox: Running
) -> None:
    """Farther than the log and finished events are kept."""
    world, clock = make_timed()
    world.apply(everything(sandbox, paused=True))
    world.take(*events(1))
    wait_for(lambda: all(world.counts(name)["pending"] == 9 for name in NAMES))
    clock.set(100 * DAY_SECONDS)
    world.take(*events(2))
    wait_for(lambda: all(world.counts(name)["pending"] == 18 for name in NAMES))
    world.stop()
    world.start()
    world.apply(everything(sandbox))
    settled(world, 18)
    world.stop()
    assert "level=error" not in world.said(), world.said()[-2000:]
