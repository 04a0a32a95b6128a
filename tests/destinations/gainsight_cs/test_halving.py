"""Bad records of a batch whose refusal names nothing are found by halving, and the others arrive."""

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gainstage.destination import Request, Response, Work
from gainstage.operation import Record
from gainstage.outcome import Delivered
from gainstage.testing.driving import drive
from tests.destinations.sandboxed import CS

SETTINGS = CS.settings(domain="acme", access_key="key")
REFUSAL = Response(400, {}, b'{"result":false,"errorCode":"GSOBJ_1008","errorDesc":"Validation failed."}')


def extra_calls(bad: set[int]) -> int:
    """How many calls beyond the first it takes to write 50 companies of which these are bad."""
    works = [
        Work(
            "upsert",
            Record("company", f"name:{n}"),
            {"Employees": "x" if n in bad else 1},
            {},
            {"gsid": f"G{n}"},
        )
        for n in range(50)
    ]
    written: list[str] = []

    def vendor(request: Request) -> Response:
        records = msgspec.json.decode(request.body)["records"]
        if any(record["Employees"] == "x" for record in records):
            return REFUSAL
        written.extend(record["Gsid"] for record in records)
        answer = {"result": True, "data": {"count": len(records), "records": records}}
        return Response(200, {}, msgspec.json.encode(answer))

    driven = drive(CS, SETTINGS, works, vendor)
    assert {n for n, outcome in enumerate(driven.outcomes) if not isinstance(outcome, Delivered)} == bad
    assert sorted(written) == sorted(f"G{n}" for n in range(50) if n not in bad), "each once"
    return len(driven.requests) - 1


@pytest.mark.parametrize("place", range(50))
def test_one_bad_record_of_fifty_costs_at_most_eight_calls_wherever_it_is(place: int) -> None:
    assert extra_calls({place}) <= 8


@settings(deadline=None, max_examples=60)
@given(bad=st.sets(st.integers(0, 49), min_size=1))
def test_whichever_records_are_bad_the_others_are_written_once(bad: set[int]) -> None:
    assert extra_calls(bad) <= 108


def test_two_bad_records_of_fifty_cost_few_calls() -> None:
    worst = max(extra_calls(set(pair)) for pair in itertools.combinations(range(0, 50, 3), 2))
    assert worst <= 16
