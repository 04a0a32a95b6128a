"""When people go in bulk, and whom a status is about: rules that hold for all numbers."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.destination import Allowance, Backlog, Response, Work
from gainstage.destinations.gainsight_cs.bulk import CALLS, FEWEST_PEOPLE, LONGEST_SECONDS, people_to_gather
from gainstage.destinations.gainsight_cs.bulk_report import judge, read_report, status_id
from gainstage.destinations.gainsight_cs.settings import CsSettings, budgets
from gainstage.operation import Record
from gainstage.outcome import Delivered, Rejected

AUTO = CsSettings(domain="acme", people_bulk="auto")
COUNTS = st.integers(0, 100_000)


def backlog(waiting: int, *free: int, under_way: int = 0, **budget: int) -> Backlog:
    """A backlog with so many calls free: a minute, a day, an hour in bulk, a day in bulk."""
    settings = CsSettings(domain="acme", people_bulk="auto", budget=budget)
    allowances = (Allowance(one, min(n, one.usable)) for one, n in zip(budgets(settings), free, strict=True))
    return Backlog(waiting, under_way, tuple(allowances))


@st.composite
def backlogs(draw: st.DrawFn) -> Backlog:
    limits = {
        "per_minute": draw(st.integers(1, 2_000)),
        "per_day": draw(st.integers(1, 100_000)),
        "bulk_per_hour": draw(st.integers(1, 100)),
        "bulk_per_day": draw(st.integers(1, 1_000)),
        "reserve_percent": draw(st.integers(0, 99)),
    }
    free = [draw(COUNTS) for _ in range(4)]
    return backlog(draw(COUNTS), *free, under_way=draw(st.integers(0, 150)), **limits)


@given(one=backlogs())
def test_bulk_is_off_unless_it_is_asked_for(one: Backlog) -> None:
    assert people_to_gather(CsSettings(domain="acme"), one) == 0


@given(one=backlogs())
def test_a_bulk_call_saves_two_calls_of_three_and_has_room_in_every_budget(one: Backlog) -> None:
    people = people_to_gather(AUTO, one)
    assert people == 0 or 3 * CALLS <= people <= min(50, one.waiting)
    if people:
        assert all(allowance.free >= 1 for allowance in one.allowances)
        (day,) = (a for a in one.allowances if a.budget.family == "cs" and a.budget.window == "day")
        assert day.free >= CALLS * (one.under_way + 1), "the questions of all calls under way"


@given(one=backlogs())
def test_what_single_calls_can_do_sooner_they_do(one: Backlog) -> None:
    if people_to_gather(AUTO, one):
        single = [a for a in one.allowances if a.budget.family == "cs"]
        assert any(one.waiting > a.free for a in single)
        assert any(
            -(-(one.waiting - a.free) // a.budget.usable) * a.budget.window_seconds > LONGEST_SECONDS
            for a in single
        )


@given(one=backlogs(), more=COUNTS)
def test_a_longer_backlog_never_makes_bulk_less_likely(one: Backlog, more: int) -> None:
    longer = msgspec.structs.replace(one, waiting=one.waiting + more)
    assert people_to_gather(AUTO, longer) >= people_to_gather(AUTO, one)


@pytest.mark.parametrize(
    ("waiting", "free", "people"),
    [
        (10_000, (1, 30_000, 8, 80), 50),
        (2_000, (80, 30_000, 8, 80), 0),
        (60, (80, 40, 8, 80), 50),
        (FEWEST_PEOPLE - 1, (80, 20, 8, 80), 0),
        (10_000, (1, 30_000, 0, 80), 0),
        (10_000, (1, 30_000, 8, 0), 0),
        (10_000, (1, 5, 8, 80), 0),
    ],
    ids=[
        "hours of single calls",
        "half an hour of them",
        "more than the day has left",
        "too few",
        "hour used",
        "day used",
        "no room for the questions",
    ],
)
def test_bulk_is_for_backlogs_that_single_calls_take_long_for(
    waiting: int, free: tuple[int, ...], people: int
) -> None:
    assert people_to_gather(AUTO, backlog(waiting, *free)) == people


VALUES = ("good", "bad", "worse")


@given(
    values=st.lists(st.sampled_from(VALUES), min_size=2, max_size=12),
    base=st.sampled_from((0, 1)),
    parts=st.sets(st.sampled_from(("rows", "values", "emails", "succeeded", "counts", "nested"))),
    refused=st.sampled_from((("bad",), ("bad", "worse"))),
)
def test_nobody_is_judged_wrongly_whatever_the_status_tells(
    values: list[str], base: int, parts: set[str], refused: tuple[str, ...]
) -> None:
    """Who is not told of beyond doubt is left for a single call."""
    rows = {7 + n: {"Email": f"p{n}@x.test", "Title": value} for n, value in enumerate(values)}
    works = [Work("upsert", Record("person", f"email:p{n}"), {"Title": "x"}) for n in range(7 + len(rows))]
    bad = {index for index, row in rows.items() if row["Title"] in refused}
    errors = [_complaint(place + base, row, parts) for place, (i, row) in enumerate(rows.items()) if i in bad]
    data: dict[str, Any] = {"status": "COMPLETED", "errors": errors}
    if "succeeded" in parts:
        data["success"] = [{"Email": row["Email"]} for index, row in rows.items() if index not in bad]
    if "counts" in parts:
        data |= {"successCount": len(rows) - len(bad), "failedCount": len(bad)}
    known = judge(AUTO, works, rows, read_report(answer(data)))
    for index, outcome in known.items():
        assert isinstance(outcome, Rejected if index in bad else Delivered), (index, data)
    told = "emails" in parts or {"rows", "values"} <= parts
    assert known.keys() == rows.keys() or not told, "everything needed was told"


def _complaint(number: int, row: dict[str, str], parts: set[str]) -> dict[str, Any]:
    error: dict[str, Any] = {"errorCode": "GSOBJ_1008", "errorMessage": "Not valid."}
    if "values" in parts:
        error |= {"fieldName": "Title", "invalidValue": row["Title"]}
    about: dict[str, Any] = {"rowNumber": number} if "rows" in parts else {}
    if "emails" in parts:
        about["Email"] = row["Email"]
    return {**about, "success": False, "errors": [error]} if "nested" in parts else {**about, **error}


@pytest.mark.parametrize("code", ["GU_1101", "GSOBJ_1003", "GSOBJ_PEOPLE1001", "", "GU_2400"])
def test_a_row_that_may_go_another_time_is_not_refused(code: str) -> None:
    rows = {0: {"Email": "a@x.test"}, 1: {"Email": "b@x.test"}}
    works = [Work("upsert", Record("person", "k"), {})] * 2
    error = {"Email": "b@x.test", "errorCode": code, "errorMessage": "Oops."}
    known = judge(AUTO, works, rows, read_report(answer({"status": "COMPLETED", "errors": [error]})))
    assert known == {0: Delivered()}


@pytest.mark.parametrize(
    "data",
    [
        {"status": "COMPLETED", "failedCount": 1},
        {"status": "COMPLETED", "successCount": 1},
        {"status": "FAILED"},
        {"status": "COMPLETED", "success": [{"Email": "c@x.test"}]},
    ],
    ids=["a failure that is not told", "a success too few", "failed", "others succeeded"],
)
def test_a_status_that_does_not_add_up_confirms_nobody(data: dict[str, Any]) -> None:
    rows = {0: {"Email": "a@x.test"}, 1: {"Email": "b@x.test"}}
    works = [Work("upsert", Record("person", "k"), {})] * 2
    assert judge(AUTO, works, rows, read_report(answer(data))) == {}


@pytest.mark.parametrize(
    ("word", "over"), [("INIT", False), ("INPROGRESS", False), ("In Progress", False), ("completed", True)]
)
def test_the_status_is_a_word_in_any_letter_case(word: str, over: bool) -> None:
    assert read_report(answer({"status": word})).over is over


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"statusId": "s-1"}},
        {"data": {"StatusID": "s-1"}},
        {"data": {"id": "s-1"}},
        {"data": [{"statusId": "s-1"}]},
        {"data": "s-1"},
        {"data": None, "statusId": "s-1"},
    ],
    ids=str,
)
def test_the_status_id_is_found(body: dict[str, Any]) -> None:
    assert status_id(Response(200, {}, msgspec.json.encode(body))) == "s-1"


@pytest.mark.parametrize("data", [None, {}, [], "Accepted for processing", True, {"statusId": ""}], ids=str)
def test_what_is_no_status_id_is_not_taken_for_one(data: Any) -> None:
    assert status_id(answer(data)) == ""


def answer(data: Any) -> Response:
    return Response(200, {}, msgspec.json.encode({"result": True, "data": data}))
