"""The rules of a flight: what is left unsettled, what a failed call leaves, and what is kept of a call."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from gainstage.connection import Connected
from gainstage.delivery.destinations import Active
from gainstage.delivery.flight import Flight, Member
from gainstage.delivery.journal import CUT, KEPT_CHARACTERS, shown, text_of
from gainstage.destination import CallFailed, Exchange, Request, Response, Settled, Work
from gainstage.operation import Record
from gainstage.outcome import Delivered, Outcome, Retry, Unknown
from gainstage.store.rows import DestinationRow
from tests.unit.delivery.workshop import OK, SECRET, VENDOR, Settings

RECORD = Record("person", "k")
TIMEOUT = CallFailed("timeout", "No answer.", sent=True)
UNREACHABLE = CallFailed("unreachable", "No route.", sent=False)


def request(*works: int, repeatable: bool = True) -> Request:
    return Request("POST", "https://vendor.example/x", {}, b"{}", works, repeatable=repeatable)


def flight(exchange: Callable[[Any, Sequence[Work]], Exchange], works: int = 3) -> Flight:
    """A flight of so many works, driven by this exchange."""
    kind = dataclasses.replace(VENDOR, exchange=exchange)
    connected = Connected("shop", kind, Settings(), frozenset(), frozenset(VENDOR.kinds))
    active = Active(connected, DestinationRow(1, "shop"), 1)
    member = Member(1, RECORD, (), None, 1, 0, None, None)
    return Flight(active, [member] * works, [Work("upsert", RECORD, {})] * works)


def outcomes(settled: list[Settled]) -> dict[int, Outcome]:
    return {one.work: one.outcome for one in settled}


def test_what_is_settled_is_kept_whatever_the_next_request_does() -> None:
    def exchange(settings: Any, works: Any) -> Exchange:
        yield request(0)
        yield Settled(0, Delivered())
        yield request(1)

    one = flight(exchange)
    assert one.begin() == []
    assert outcomes(one.answer(OK)) == {0: Delivered()}
    assert not one.finished
    assert outcomes(one.fail(UNREACHABLE)) == {
        1: Retry("unreachable", "No route."),
        2: Retry("queued", "No route.", 0.0),
    }
    assert one.finished and one.is_settled(0) and one.is_settled(2)


@pytest.mark.parametrize(
    ("failure", "repeatable", "outcome", "in_doubt"),
    [
        (UNREACHABLE, True, Retry("unreachable", "No route."), set()),
        (UNREACHABLE, False, Retry("unreachable", "No route."), set()),
        (TIMEOUT, True, Retry("timeout", "No answer."), {0, 1}),
        (TIMEOUT, False, Unknown("timeout", "No answer."), {0, 1}),
    ],
)
def test_a_failed_call_concerns_only_the_works_that_it_carried(
    failure: CallFailed, repeatable: bool, outcome: Outcome, in_doubt: set[int]
) -> None:
    def exchange(settings: Any, works: Any) -> Exchange:
        yield request(0, 1, repeatable=repeatable)

    one = flight(exchange)
    one.begin()
    found = outcomes(one.fail(failure))
    assert found == {0: outcome, 1: outcome, 2: Retry("queued", failure.detail, 0.0)}
    assert one.in_doubt == in_doubt


def test_an_exchange_may_look_before_it_repeats() -> None:
    def exchange(settings: Any, works: Any) -> Exchange:
        try:
            yield request(0)
        except CallFailed:
            yield Request("GET", "https://vendor.example/look", {}, works=(0,))
        yield Settled(0, Delivered())

    one = flight(exchange, works=1)
    one.begin()
    assert one.fail(TIMEOUT) == []
    assert one.request is not None and one.request.method == "GET"
    assert outcomes(one.answer(OK)) == {0: Delivered()}


def test_works_left_unsettled_are_tried_again() -> None:
    def exchange(settings: Any, works: Any) -> Exchange:
        yield request(0)

    one = flight(exchange, works=1)
    one.begin()
    (settled,) = one.answer(OK)
    assert isinstance(settled.outcome, Retry) and settled.outcome.code == "internal_error"


def test_a_defect_of_an_exchange_is_no_success() -> None:
    def exchange(settings: Any, works: Any) -> Exchange:
        yield Settled(0, Delivered())
        raise KeyError("gsid")

    found = outcomes(flight(exchange, works=2).begin())
    assert found[0] == Delivered()
    assert isinstance(found[1], Retry) and "KeyError" in found[1].detail


def test_a_work_is_settled_once_and_only_if_it_exists() -> None:
    def exchange(settings: Any, works: Any) -> Exchange:
        yield Settled(0, Delivered())
        yield Settled(0, Retry("timeout", ""))
        yield Settled(7, Delivered())
        yield Settled(-1, Delivered())

    assert outcomes(flight(exchange, works=1).begin()) == {0: Delivered()}


def test_a_flight_given_back_leaves_nothing_open_whatever_its_exchange_would_do() -> None:
    """An exchange that goes on after a failed call would hold its records without anybody calling."""

    def exchange(settings: Any, works: Any) -> Exchange:
        for index in range(len(works)):
            try:
                yield request(index)
            except CallFailed as failure:
                yield Settled(index, Retry(failure.code, failure.detail))
            finally:
                stubborn.append(index)

    stubborn: list[int] = []
    one = flight(exchange)
    one.begin()
    found = outcomes(one.give_back(CallFailed("out_of_budget", "Used up.", sent=False)))
    assert found == dict.fromkeys(range(3), Retry("out_of_budget", "Used up."))
    assert one.finished and one.request is None
    assert stubborn == [0]


# the journal


def test_secret_headers_are_masked_in_any_spelling() -> None:
    said = Request(
        "POST", "https://x.example", {"AccessKey": "s3cret", "Accept": "*/*"}, b'{"a":1}',
        secret_headers=("accesskey",),
    )  # fmt: skip
    assert msgspec.json.decode(shown(said)) == {
        "headers": {"AccessKey": "***", "Accept": "*/*"},
        "body": {"a": 1},
    }


@pytest.mark.parametrize("body", [b"", b"plain text", b"\xff\xfe", b'{"cut": ' + b'"x' * 40_000])
def test_any_body_is_shown_as_json(body: bytes) -> None:
    found = msgspec.json.decode(shown(Request("POST", "https://x.example", {}, body)))
    assert found["body"] is None if not body else isinstance(found["body"], str)


def test_bodies_are_cut_to_what_is_kept() -> None:
    assert text_of(b"x" * KEPT_CHARACTERS) == "x" * KEPT_CHARACTERS
    assert text_of(b"x" * (KEPT_CHARACTERS + 1)) == "x" * KEPT_CHARACTERS + CUT


def test_a_destinations_secrets_are_masked_wherever_they_stand() -> None:
    connected = Connected("shop", VENDOR, Settings(), frozenset(), frozenset(VENDOR.kinds))
    active = Active(connected, DestinationRow(1, "shop"), 1)
    assert active.mask(f"key={SECRET}&more={SECRET}") == "key=***&more=***"
    assert SECRET not in repr(connected)


def test_an_answer_knows_nothing_of_a_body_that_is_no_json() -> None:
    assert [Response(200, {}, body).json() for body in (b"", b"<html>", b'{"a":', b"null")] == [None] * 4
