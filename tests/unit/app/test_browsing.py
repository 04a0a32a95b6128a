"""Looking through events: all that fits is found, the newest first, each once, however far one looks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gainstage.app.browsing import Bounds, browse
from gainstage.app.browsing_filters import Asked
from gainstage.app.reports import open_store
from gainstage.errors import UsageError
from gainstage.store.rows import FAILED, FILTERED, PARKED
from tests.benchmarks.browsing import COMPANIES, NAMES, RARE_NAME, Filler, fill

EVENTS = 3_000
#: Far beyond what a test takes.
PATIENT = Bounds(seconds=600)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of events of three hundred users."""
    folder = tmp_path_factory.mktemp("data")
    fill(folder, EVENTS)
    return folder


def pages(
    data: Path, bounds: Bounds = PATIENT, limit: int = 200, **filters: str
) -> list[list[dict[str, Any]]]:
    """All pages of what fits."""
    found, before = [], None
    while True:
        page = browse(data, Asked(**filters), limit=limit, before=before, bounds=bounds)
        found.append(page["events"])
        if page["next"] is None:
            return found
        assert page["back_to"] is not None
        assert before is None or int(page["next"]) < before, "it gets on"
        before = int(page["next"])


def ids(found: list[list[dict[str, Any]]]) -> list[str]:
    return [one["message_id"] for page in found for one in page]


def those(fits: Callable[[int], bool]) -> list[str]:
    return [f"m-{number}" for number in range(EVENTS, 0, -1) if fits(number)]


def word(number: int, wanted: int) -> bool:
    return bool(Filler.delivery(_TIMELESS, number)[3] == wanted)


class _Timeless(Filler):
    def __init__(self) -> None:
        self.begins_us, self.rows = 0, EVENTS


_TIMELESS = _Timeless()


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({}, lambda n: True),
        ({"user_id": "user-7"}, lambda n: n % 300 == 7),
        ({"email": "USER-7@example.com"}, lambda n: n % 300 == 7),
        ({"company": "company-7"}, lambda n: n % 300 % COMPANIES == 7),
        ({"company": " COMPANY-7"}, lambda n: n % 300 % COMPANIES == 7),
        ({"kind": "identify"}, lambda n: n % 10 == 0),
        ({"kind": "track", "name": "Seat Added", "user_id": "user-2"}, lambda n: n % 300 == 2 and n % 4 == 2),
        ({"name": "seat ADDED", "user_id": "user-2"}, lambda n: n % 300 == 2 and n % 4 == 2),
        ({"name": RARE_NAME}, lambda n: False),
        ({"outcome": "failed"}, lambda n: word(n, FAILED)),
        ({"outcome": "parked", "destination": "cs", "reason": "email_missing"}, lambda n: word(n, PARKED)),
        ({"reason": "event_unmapped"}, lambda n: word(n, FAILED)),
        ({"outcome": "filtered", "source": "app"}, lambda n: word(n, FILTERED)),
        ({"outcome": "pending"}, lambda n: False),
        ({"outcome": "refused"}, lambda n: False),
        ({"source": "elsewhere"}, lambda n: False),
        ({"destination": "px"}, lambda n: False),
        ({"message_id": "m-77"}, lambda n: n == 77),
        ({"message_id": "m-77", "outcome": "parked"}, lambda n: False),
        ({"message_id": "m-80", "kind": "track"}, lambda n: False),
    ],
)
@pytest.mark.parametrize(
    "bounds", [PATIENT, Bounds(events=500, messages=100, seconds=600), Bounds(seconds=0)]
)
def test_all_that_fits_is_found_once_and_the_newest_first(
    data: Path, filters: dict[str, str], fits: Callable[[int], bool], bounds: Bounds
) -> None:
    assert ids(pages(data, bounds, **filters)) == those(fits)


def test_what_came_after_a_place_is_found_from_there(data: Path) -> None:
    first = browse(data, Asked(), limit=1, bounds=PATIENT)
    assert first["newest"] == str(EVENTS)
    came = browse(data, Asked(outcome="failed"), limit=50, after=EVENTS - 1_000, bounds=PATIENT)
    assert [one["message_id"] for one in came["events"]] == those(
        lambda n: n > EVENTS - 1_000 and word(n, FAILED)
    )
    none = browse(data, Asked(), limit=50, after=EVENTS, bounds=PATIENT)
    assert (none["events"], none["next"], none["newest"]) == ([], None, str(EVENTS))


def test_a_period_is_of_receipt(data: Path) -> None:
    found = pages(data, since="20d", until="19d")
    assert found == pages(data, since="20d", until="19d", destination="cs")
    assert len(ids(found)) == pytest.approx(EVENTS / 30, abs=2)


def test_an_event_of_the_list_tells_whose_it_is_and_what_became_of_it(data: Path) -> None:
    (one,) = browse(data, Asked(message_id="m-1007"), limit=5, bounds=PATIENT)["events"]
    assert {name: one[name] for name in ("type", "event", "user_id", "email", "company", "source")} == {
        "type": "track", "event": "Dashboard Opened", "user_id": "user-107", "email": "user-107@example.com",
        "company": "company-107", "source": "app",
    }  # fmt: skip
    assert one["destinations"] == [
        {"destination": "cs", "outcome": "parked", "reason": "email_missing", "detail": ""}
    ]


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"outcome": "lost"}, "no outcome lost"),
        ({"reason": "because"}, "no reason because"),
        ({"kind": "order"}, "no type order"),
        ({"since": "soon"}, "is no time"),
        ({"user_id": "u", "email": "a@b.example"}, "not both"),
    ],
)
def test_what_is_no_filter_is_refused_in_a_sentence(data: Path, filters: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        browse(data, Asked(**filters), limit=5, bounds=PATIENT)


def test_causes_count_events_people_and_companies(data: Path) -> None:
    reports = open_store(data)
    whole, quick = reports.dead.causes(), reports.dead.causes(4, outcome="failed")
    reports.close()
    failed = [number for number in range(1, EVENTS + 1) if word(number, FAILED)]
    counted = {row["reason"]: (row["events"], row["people"], row["companies"]) for row in whole["problems"]}
    users = {number % 300 for number in failed}
    assert whole["complete"] and counted["event_unmapped"] == (len(failed), len(users), len(users))
    (row,) = quick["problems"]
    assert not quick["complete"]
    assert (row["events"], row["people"] <= 4, row["remedy"] != "") == (len(failed), True, True)


def test_causes_name_what_is_behind_them(data: Path) -> None:
    reports = open_store(data)
    rows = {row["reason"]: row for row in reports.dead.causes()["problems"]}
    reports.close()
    names = rows["event_unmapped"]["names"]
    assert 0 < len(names) <= 3 and names == sorted(names, key=lambda one: -one["events"])
    assert {one["name"] for one in names} <= {*NAMES, "identify"}
