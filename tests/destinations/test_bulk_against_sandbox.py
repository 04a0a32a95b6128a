"""People in bulk over real HTTP, against the sandbox in all its forms of answering."""

from itertools import product
from typing import Any

import pytest

from gainstage.destination import CallFailed, Request, Response, Work
from gainstage.operation import Record
from gainstage.outcome import Blocked, Delivered, Rejected, Retry, Throttled
from gainstage.testing.driving import Driven, drive
from tests.destinations.sandboxed import CS, Sandbox, companies, cs_settings, everything_arrived

BULK = "/v1/peoplemgmt/v1.0/people/async"
ACME = Record("company", "name:Acme")


def people(count: int, *, acme: str = "", **fields: Any) -> list[Work]:
    """So many new people, linked to Acme where its GSID is given."""
    found = []
    for number in range(count):
        content = {"Email": f"p{number}@x.test", "Name": f"Person {number}", **fields}
        if acme:
            content |= {f"companies[{ACME.key}]": {}, f"companies[{ACME.key}].Role": "Admin"}
        after = {ACME: {"gsid": acme}} if acme else {}
        record = Record("person", f"email:p{number}@x.test")
        found.append(Work("upsert", record, content, content, after=after))
    return found


def spoiled(works: list[Work], *places: int, value: Any = "perhaps") -> list[Work]:
    """The works with a bad value in some."""
    for place in places:
        fields = {**works[place].fields, "EmailOptOut": value}
        works[place] = Work("upsert", works[place].record, fields, fields)
    return works


def bulk(sandbox: Sandbox, works: list[Work], vendor: Any = None) -> Driven:
    return drive(CS, cs_settings(sandbox, people_bulk="auto"), works, vendor or sandbox)


def made(driven: Driven) -> dict[str, int]:
    """Calls by kind."""
    kinds = {"bulk": 0, "asked": 0, "single": 0}
    for request in driven.requests:
        kinds["single" if BULK not in request.url else "bulk" if request.method == "PUT" else "asked"] += 1
    return kinds


@pytest.fixture(autouse=True)
def processed_at_once(sandbox: Sandbox) -> None:
    sandbox.behave(cs_async_seconds=0)


FORMS = {
    "cs_async_reply": ("object", "text", "list"),
    "cs_async_status_path": ("plain", "status"),
    "cs_async_report": ("full", "errors", "values", "numbers", "counts"),
}


@pytest.mark.parametrize("values", list(product(*FORMS.values())), ids=lambda values: "-".join(values))
def test_fifty_people_and_their_links_are_one_call(sandbox: Sandbox, values: tuple[str, ...]) -> None:
    sandbox.behave(**dict(zip(FORMS, values, strict=True)))
    drive(CS, cs_settings(sandbox), companies("Acme"), sandbox)
    [acme] = sandbox.state["cs"]["companies"]
    driven = bulk(sandbox, people(50, acme=acme["Gsid"]))
    everything_arrived([driven])
    assert made(driven) == {"bulk": 1, "asked": 1 + (values[1] == "status"), "single": 0}
    found = sandbox.state["cs"]
    assert {person["Name"] for person in found["people"]} == {f"Person {number}" for number in range(50)}
    assert [link["Role"] for link in found["associations"]] == ["Admin"] * 50


@pytest.mark.parametrize("first_row", ["0", "1"])
@pytest.mark.parametrize("report", FORMS["cs_async_report"])
@pytest.mark.parametrize("places", [(0,), (17,), (49,), (16, 17), (0, 49), (3, 4, 5)], ids=str)
def test_bad_rows_fail_alone_whatever_the_status_names(
    sandbox: Sandbox, report: str, first_row: str, places: tuple[int, ...]
) -> None:
    sandbox.behave(cs_async_report=report, cs_async_first_row=first_row)
    driven = bulk(sandbox, spoiled(people(50), *places))
    assert [i for i, outcome in enumerate(driven.outcomes) if not isinstance(outcome, Delivered)] == [*places]
    for place in places:
        outcome = driven.outcomes[place]
        assert isinstance(outcome, Rejected) and outcome.code == "value_invalid"
    singles = made(driven)["single"]
    if report in ("full", "errors"):
        assert singles == 0
        assert all(driven.outcomes[place].fields == ("EmailOptOut",) for place in places)
    elif report == "values":
        assert singles == 0, "as many complaints as people with the value"
    elif report == "numbers":
        assert singles <= len(places) + 1
    assert len(sandbox.state["cs"]["people"]) == 50 - len(places)


def test_a_call_refused_for_one_bad_row_goes_by_single_calls(sandbox: Sandbox) -> None:
    sandbox.behave(cs_async_bad_row="call")
    driven = bulk(sandbox, spoiled(people(6), 2))
    assert [type(outcome) for outcome in driven.outcomes] == [
        Rejected if place == 2 else Delivered for place in range(6)
    ]
    assert made(driven) == {"bulk": 1, "asked": 0, "single": 6}


@pytest.mark.parametrize("switch", [{"cs_async_service": "gone"}, {"cs_async_body": "people"}], ids=str)
def test_a_tenant_without_the_call_is_not_asked_again_for_an_hour(
    sandbox: Sandbox, switch: dict[str, str]
) -> None:
    sandbox.behave(**switch)
    driven = bulk(sandbox, people(40))
    assert made(driven) == {"bulk": 1, "asked": 0, "single": 0}
    assert {type(outcome) for outcome in driven.outcomes} == {Throttled}
    assert all(settled.outcome.after_seconds == 3600 for settled in driven.settled.values())  # type: ignore[union-attr]
    assert not any(settled.occupied for settled in driven.settled.values())


def test_an_accepted_call_without_an_id_may_be_carried_out_all_the_same(sandbox: Sandbox) -> None:
    sandbox.behave(cs_async_reply="without")
    driven = bulk(sandbox, people(40))
    assert {type(settled.outcome) for settled in driven.settled.values()} == {Throttled}
    assert all(settled.occupied for settled in driven.settled.values())


@pytest.mark.parametrize("status", ["429", "400"])
def test_over_its_limit_the_call_rests(sandbox: Sandbox, status: str) -> None:
    sandbox.behave(cs_async_over_limit=status)
    sandbox.client.post("/__sandbox__/limits", json={"cs_async": {"per_hour": 0}}).raise_for_status()
    driven = bulk(sandbox, people(40))
    assert made(driven)["bulk"] == len(driven.requests) == 1
    assert all(isinstance(outcome, Throttled) for outcome in driven.outcomes)
    assert not any(settled.occupied for settled in driven.settled.values())


def test_a_refused_key_blocks(sandbox: Sandbox) -> None:
    sandbox.behave(refused_keys=["key"])
    assert {type(outcome) for outcome in bulk(sandbox, people(40)).outcomes} == {Blocked}


def test_who_needs_a_call_of_its_own_goes_singly(sandbox: Sandbox) -> None:
    """A rule that reads first, and a company whose GSID is not known."""
    sandbox.seed(cs={"companies": [{"Name": "Acme"}]})
    link = {"Email": "z@x.test", f"companies[{ACME.key}]": {}}
    late = Work("upsert", Record("person", "email:z@x.test"), link, link)
    ruled = {"Email": "y@x.test", "Comments": "first"}
    works = [*people(10), late, Work("upsert", Record("person", "email:y@x.test"), ruled, ruled)]
    settings = cs_settings(sandbox, people_bulk="auto", field_rules={"Comments": "if_empty"})
    driven = drive(CS, settings, works, sandbox)
    everything_arrived([driven])
    assert made(driven) == {"bulk": 1, "asked": 1, "single": 4}, "two reads, two people"
    assert len(sandbox.state["cs"]["associations"]) == 1
    assert sum(1 for person in sandbox.state["cs"]["people"] if person.get("Comments") == "first") == 1


def test_a_stale_company_is_found_again_by_a_single_call(sandbox: Sandbox) -> None:
    drive(CS, cs_settings(sandbox), companies("Acme"), sandbox)
    works = people(5, acme="1P02GONE")
    driven = bulk(sandbox, works)
    everything_arrived([driven])
    assert len(sandbox.state["cs"]["associations"]) == 5


def test_questions_come_at_growing_intervals_until_it_is_completed(sandbox: Sandbox) -> None:
    sandbox.behave(cs_async_seconds=1_000_000)
    driven = bulk(sandbox, people(40))
    assert [request.after_seconds for request in driven.requests] == [0, 15, 30, 60, 120, 240, 480, 600, 600]
    left = [request.occupies_seconds for request in driven.requests]
    assert left == sorted(left, reverse=True) and left[0] >= 1800 and left[-1] == 0
    assert {type(outcome) for outcome in driven.outcomes} == {Retry}
    assert not any(settled.occupied for settled in driven.settled.values()), "the time is over"


def test_answers_lost_and_errors_on_the_way_are_asked_for_again(sandbox: Sandbox) -> None:
    asked: list[Request] = []

    def vendor(request: Request) -> Response:
        if request.method == "GET":
            asked.append(request)
            match len(asked):
                case 1:
                    raise CallFailed("timeout", "no answer came", sent=True)
                case 2:
                    return Response(503, {}, b"<html>oops</html>")
                case 3:
                    return Response(429, {}, b"")
                case 4:
                    return Response(200, {}, b'{"result":tr')
        return sandbox(request)

    driven = bulk(sandbox, people(40), vendor)
    everything_arrived([driven])
    assert made(driven) == {"bulk": 1, "asked": 5, "single": 0}


@pytest.mark.parametrize(
    "answer",
    [Response(503, {}, b""), Response(200, {}, b'{"result":tr'), Response(200, {}, b"<html>")],
    ids=str,
)
def test_an_unreadable_answer_leaves_the_call_perhaps_under_way(sandbox: Sandbox, answer: Response) -> None:
    driven = bulk(sandbox, people(40), lambda request: answer)
    assert len(driven.requests) == 1
    assert all(isinstance(settled.outcome, Retry) and settled.occupied for settled in driven.settled.values())


def test_a_status_that_nobody_tells_ends_the_questions(sandbox: Sandbox) -> None:
    def vendor(request: Request) -> Response:
        return Response(404, {}, b"") if request.method == "GET" else sandbox(request)

    driven = bulk(sandbox, people(40), vendor)
    assert made(driven) == {"bulk": 1, "asked": 2, "single": 0}
    assert {type(settled.outcome) for settled in driven.settled.values()} == {Throttled}
    assert all(settled.occupied for settled in driven.settled.values())
