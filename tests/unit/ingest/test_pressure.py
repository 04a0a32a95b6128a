"""Whether there is room for more events, and what senders are told while there is none."""

import pytest

from gainstage.ingest.pressure import Pressure, Reading, written
from gainstage.operating import Limits
from tests.unit.ingest.requests import Asked

GIB = 1024**3
ROOM = Reading(100 * GIB, 200 * GIB, 0, 0)
LIMITS = Limits(free_disk_bytes=1000, waiting_events=100, unrouted_messages=10, retry_after_seconds=7)


def weighed(*readings: Reading, limits: Limits = LIMITS) -> list[set[str]]:
    """Which limits are reached after each reading."""
    pressure, found = Pressure(), []
    for at, reading in enumerate(readings):
        pressure.weigh(limits, reading, at)
        found.append(set(pressure.problems))
        assert (pressure.refusal is not None) == bool(pressure.problems)
    return found


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("free_bytes", [1000, 999, 1001, 1249, 1250, 1001]),
        ("waiting_events", [100, 101, 100, 91, 90, 100]),
        ("unrouted_messages", [10, 11, 10, 10, 9, 10]),
    ],
)
def test_a_limit_that_was_reached_holds_until_there_is_clearly_room(name: str, values: list[int]) -> None:
    readings = [ROOM._replace(**{name: value}) for value in values]
    told = "free_disk" if name == "free_bytes" else name
    assert weighed(*readings) == [set(), {told}, {told}, {told}, set(), set()]


def test_a_limit_of_zero_is_none() -> None:
    full = Reading(0, 200 * GIB, 10**9, 10**9)
    assert weighed(full, limits=Limits(0, 0, 0)) == [set()]


def test_a_twentieth_of_a_small_disk_stays_free_and_one_gib_of_a_large_one() -> None:
    assert Limits().free_bytes(1000) == 50
    assert Limits().free_bytes(10_000 * GIB) == GIB


def test_the_start_of_a_limit_is_kept_while_it_holds() -> None:
    pressure = Pressure()
    for at in (5, 6, 7):
        pressure.weigh(LIMITS, ROOM._replace(waiting_events=200), at)
    (row,) = (row for row in pressure.report() if row["reached"])
    assert (row["limit"], row["at"], row["value"], row["since_us"]) == ("waiting_events", 100, 200, 5)


def test_sizes_are_written_for_people() -> None:
    assert [written(n) for n in (7, 2048, 300 * 1024**2, GIB)] == ["7 bytes", "2 KB", "300 MB", "1 GB"]


@pytest.mark.anyio
async def test_senders_are_asked_to_come_again_and_nothing_of_theirs_is_kept() -> None:
    pressure = Pressure()
    asked = Asked(pressure=pressure)
    batch = {"batch": [{"type": "track", "event": "e", "userId": "u"}]}
    pressure.weigh(LIMITS, ROOM._replace(free_bytes=1), 0)
    refused = await asked.ask("/v1/batch", batch)
    assert (refused.status, refused.json["code"]) == (429, "overloaded")
    assert refused.headers["retry-after"] == refused.headers["x-ratelimit-reset"] == "7"
    assert asked.api.counts.refused == {("overloaded", "site"): 1}
    assert asked.entries() == []
    pressure.weigh(LIMITS, ROOM, 0)
    assert (await asked.ask("/v1/batch", batch)).status == 200


@pytest.mark.anyio
async def test_an_unknown_key_is_told_so_also_while_there_is_no_room() -> None:
    pressure = Pressure()
    pressure.weigh(LIMITS, ROOM._replace(free_bytes=1), 0)
    answer = await Asked(pressure=pressure).ask(
        "/v1/batch", {"batch": []}, {"Authorization": "Basic dW5rbm93bjo="}
    )
    assert answer.json["code"] == "invalid_write_key"
