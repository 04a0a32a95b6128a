"""Coalescing: the newest value of each field wins, whatever the order of arrival and the batches."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.delivery.merging import Merged, merge
from gainstage.event import Event
from gainstage.store.rows import OperationRow, State

NOW_US = 1_767_268_800_000_000
RESEND_US = 7 * 86_400 * 1_000_000
FIELDS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), min_size=1)


def operation(number: int, fields: dict[str, Any], *, at: int | None = None) -> OperationRow:
    """An upsert whose stamp is `at`, else its number."""
    stamp = b"%016x" % (number if at is None else at)
    return OperationRow(number, number, 1, 1, 0, stamp, NOW_US, 0, "", fields)


def text(at: int) -> str:
    """A stamp as the store keeps it."""
    return f"{at:016x}"


def merged(operations: list[OperationRow], state: State | None = None, **rest: Any) -> Merged:
    return merge(operations, state or {}, now_us=NOW_US, resend_us=RESEND_US, **rest)


def sent(operations: list[OperationRow], cuts: list[int]) -> tuple[dict[str, Any], list[Merged]]:
    """What a vendor holds after the operations came in batches cut at these places, and the merges."""
    vendor: dict[str, Any] = {}
    state: State = {}
    batches = []
    edges = [0, *sorted({min(cut, len(operations)) for cut in cuts}), len(operations)]
    for start, end in pairwise(edges):
        if start == end:
            continue
        one = merged(operations[start:end], state)
        vendor |= one.fields
        state = msgspec.json.decode(msgspec.json.encode(one.confirmed(NOW_US)))
        batches.append(one)
    return vendor, batches


@given(
    st.lists(FIELDS, min_size=1, max_size=6, unique_by=id),
    st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(0, 9), st.integers(0, 2))),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_of_what_is_said_and_what_may_have_been_written_the_newest_is_there_in_the_end(
    said: list[dict[str, Any]], abandoned: dict[str, tuple[int, int]], chance: Any, written: bool
) -> None:
    """Whether it was written or not; of fields of which nothing is said nothing is sent."""
    stamps = chance.sample(range(10), len(said))
    arrived = [operation(at, fields, at=at) for at, fields in zip(stamps, said, strict=True)]
    lost = {name: [text(at), value] for name, (at, value) in abandoned.items()}
    vendor = {name: value for name, (_, value) in abandoned.items()} if written else {}
    state: State = {}
    for one in arrived:
        found = merged([one], state, abandoned=lost)
        assert found.doubtful == lost.keys() & found.fields.keys()
        vendor |= found.fields
        state = found.confirmed(NOW_US)
        lost = {name: entry for name, entry in lost.items() if name not in found.doubtful}
    for name in {name for fields in said for name in fields}:
        of_events = [(at, fields[name]) for at, fields in zip(stamps, said, strict=True) if name in fields]
        # Of two of one stamp the event's own counts: it is the same event.
        newest = max(abandoned.get(name, (-1, 0)), *of_events, key=lambda one: one[0])
        if max(at for at, _ in of_events) >= newest[0]:
            newest = max(of_events)
        assert vendor[name] == newest[1]


@given(
    st.lists(FIELDS, min_size=1, max_size=8), st.randoms(use_true_random=False), st.lists(st.integers(0, 8))
)
def test_the_vendor_holds_the_newest_of_each_field_in_any_order_and_batches(
    said: list[dict[str, Any]], chance: Any, cuts: list[int]
) -> None:
    newest = {name: value for fields in said for name, value in fields.items()}
    arrived = [operation(number, fields) for number, fields in enumerate(said)]
    chance.shuffle(arrived)
    vendor, batches = sent(arrived, cuts)
    assert vendor == newest
    assert {name: entry[1] for name, entry in batches[-1].state.items()} == newest
    assert batches[-1].known == newest


@given(st.lists(FIELDS, min_size=1, max_size=6), FIELDS, st.integers(0, 6))
def test_nothing_older_goes_over_a_newer_confirmed_value(
    said: list[dict[str, Any]], confirmed: dict[str, Any], at: int
) -> None:
    state: State = {name: [text(at), value, NOW_US] for name, value in confirmed.items()}
    found = merged([operation(number, fields) for number, fields in enumerate(said)], state)
    for name in found.fields:
        newest = max(number for number, fields in enumerate(said) if name in fields)
        assert name not in confirmed or newest >= at


@given(st.lists(FIELDS, min_size=1, max_size=5))
def test_what_was_sent_is_not_sent_again(said: list[dict[str, Any]]) -> None:
    operations = [operation(number, fields) for number, fields in enumerate(said)]
    state = merged(operations).confirmed(NOW_US)
    assert merged(operations, state).fields == {}
    later = [operation(9, {name: entry[1] for name, entry in state.items()})]
    assert merged(later, state).fields == {}


def test_an_equal_stamp_goes_to_the_later_operation() -> None:
    assert merged([operation(1, {"a": 1}, at=5), operation(2, {"a": 2}, at=5)]).fields == {"a": 2}


def test_an_unchanged_value_is_sent_again_when_its_time_is_over() -> None:
    state: State = {"a": [text(1), 1, NOW_US - RESEND_US + 1], "b": [text(1), 1, NOW_US - RESEND_US]}
    assert merged([operation(2, {"a": 1, "b": 1})], state).fields == {"b": 1}


@pytest.mark.parametrize(("there", "said"), [(1, True), (0, False), (True, 1), (False, 0.0)])
def test_true_is_another_value_than_one(there: Any, said: Any) -> None:
    one = merged([operation(2, {"a": said})], {"a": [text(1), there, NOW_US]})
    assert one.fields == {"a": said}
    assert one.code(0) == ""
    two = merged([operation(1, {"a": there}), operation(2, {"a": said})])
    assert [two.code(0), two.code(1)] == ["superseded", ""]


def test_a_value_in_doubt_is_sent_again() -> None:
    state: State = {"a": [text(1), 1, NOW_US], "b": [text(1), 1, 0]}
    assert merged([operation(2, {"a": 1, "b": 1})], state).fields == {"b": 1}
    assert merged([operation(2, {"a": 1, "b": 1})], state, in_doubt=True).fields == {"a": 1, "b": 1}


def test_a_newer_unchanged_value_keeps_an_older_one_away() -> None:
    state: State = {"a": [text(1), "x", NOW_US]}
    renewed = merged([operation(5, {"a": "x"})], state)
    assert renewed.fields == {}
    assert merged([operation(3, {"a": "y"})], renewed.confirmed(NOW_US)).fields == {}


def test_each_operation_says_how_it_counts() -> None:
    state: State = {"a": [text(1), 1, NOW_US], "b": [text(9), 7, NOW_US]}
    found = merged([operation(2, {"a": 1}), operation(3, {"b": 6}), operation(4, {"c": 3})], state)
    assert [found.code(index) for index in range(3)] == ["unchanged", "superseded", ""]
    assert found.winners == {"a": 0, "b": 1, "c": 2}


def test_only_what_was_sent_counts_as_confirmed_now() -> None:
    state: State = {"a": [text(1), 1, 5], "b": [text(1), 1, 6]}
    found = merged([operation(2, {"b": 2, "c": 3})], state).confirmed(NOW_US)
    assert {name: entry[2] for name, entry in found.items()} == {"a": 5, "b": NOW_US, "c": NOW_US}


stamps = st.tuples(
    st.integers(0, 4) | st.integers(0, 2**62), st.integers(0, 4) | st.integers(0, 2**62),
    st.integers(0, 3) | st.integers(0, 2**20), st.text("ab", max_size=3),
)  # fmt: skip


def stamped(parts: tuple[int, int, int, str]) -> Event:
    time_us, received_us, place, message_id = parts
    return Event(
        kind="track", message_id=message_id, source="s", time_us=time_us, received_us=received_us, place=place
    )


@given(stamps, stamps)
def test_stamps_compare_as_event_time_receipt_place_and_message_id(
    one: tuple[int, int, int, str], two: tuple[int, int, int, str]
) -> None:
    tuples = [(min(parts[0], parts[1]), *parts[1:]) for parts in (one, two)]
    assert (stamped(one).stamp < stamped(two).stamp) == (tuples[0] < tuples[1])


def test_a_clock_that_runs_ahead_cannot_pin_a_value() -> None:
    assert stamped((2**60, 10, 0, "a")).stamp < stamped((20, 20, 0, "a")).stamp


def test_a_time_before_the_epoch_is_the_epoch() -> None:
    assert stamped((-5, 10, 0, "a")).stamp == stamped((0, 10, 0, "a")).stamp


def test_what_may_be_at_fault_is_left_out_and_nothing_older_is_said_instead() -> None:
    state: State = {"b": [text(1), 1, NOW_US]}
    lost: dict[str, list[Any]] = {"a": [text(5), "newer", 7]}
    found = merged([operation(2, {"a": "older", "b": 2})], state, abandoned=lost)
    assert (found.fields, found.silent, found.recalled) == ({"b": 2}, {"a"}, frozenset())
    assert "a" not in found.confirmed(NOW_US) and found.code(0) == ""
    assert merged([operation(2, {"a": "older"})], state, abandoned=lost).fields == {}
    assert merged([operation(6, {"a": "newest"})], state, abandoned=lost).fields == {"a": "newest"}
