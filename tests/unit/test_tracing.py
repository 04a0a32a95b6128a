"""Which trace an event belongs to, and whether it is traced."""

from gainstage.tracing import TraceId


def test_an_event_is_found_in_one_trace_by_every_process_and_no_other_event_in_it() -> None:
    found = {TraceId.of(received, place) for received in range(100) for place in range(10)}
    assert len({one.trace for one in found}) == len({one.root for one in found}) == 1_000
    assert TraceId.of(5, 1) == TraceId.of(5, 1)


def test_about_as_many_events_are_traced_as_asked_for() -> None:
    events = [TraceId.of(number, 0) for number in range(10_000)]
    assert all(one.is_sampled(100.0) for one in events)
    assert 800 < sum(one.is_sampled(10.0) for one in events) < 1_200
