"""`send` with a vendor inside the process: what it reports in each state in which it may end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gainstage.app import sending
from gainstage.app.sending import Progress, send, user_of
from gainstage.destination import CallFailed, Request, Response
from gainstage.destinations.registry import load
from gainstage.errors import UsageError
from tests.unit.app.conftest import Written

Vendor = Callable[[Request], Response]


def healthy(request: Request) -> Response:
    """What a healthy vendor of that kind answers."""
    name = (
        "gainsight"
        if "segmentio" in request.url
        else "gainsight_cs"
        if "acme" in request.url
        else "gainsight_px"
    )
    return load(name).pretend(request)


class Transport:
    """Answers inside the process."""

    vendor: Vendor = staticmethod(healthy)

    async def send(self, request: Request) -> Response:
        return type(self).vendor(request)

    async def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def transport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "HttpTransport", Transport)
    monkeypatch.setattr(sending, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(Transport, "vendor", staticmethod(healthy))


def answers(monkeypatch: pytest.MonkeyPatch, vendor: Vendor) -> None:
    monkeypatch.setattr(Transport, "vendor", staticmethod(vendor))


def run(config: Path, *messages: Any, source: str | None = None, wait: float = 3.0) -> dict[str, Any]:
    """A `send` of these messages; its report."""
    bodies = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in messages]
    return send(config.parent / "data", config, bodies, source, wait, lambda progress: None)


def identify(number: int, **traits: Any) -> dict[str, Any]:
    email = f"p{number}@x.example"
    return {"type": "identify", "messageId": f"m-{number}", "userId": f"u-{number}",
            "traits": {"email": email, **traits}}  # fmt: skip


def test_everything_delivered(written: Written) -> None:
    report = run(written("clickstream", "cs", "px"), *(identify(n) for n in range(5)))
    assert (report["received"], report["refused"], report["duplicates"]) == (5, 0, 0)
    assert [(one["destination"], one["received"], one["delivered"]) for one in report["connections"]] == [
        (name, 5, 5) for name in ("clickstream", "cs", "px")
    ]
    assert set(report["calls"]) == {"clickstream", "cs", "px"} and all(report["calls"].values())
    assert report["undelivered"] == []


def test_what_was_refused_duplicated_and_parked_is_listed(written: Written) -> None:
    track = {"type": "track", "event": "Nobody knows it", "messageId": "t", "userId": "u"}
    group = {"type": "group", "groupId": "7", "messageId": "g", "userId": "x", "traits": {"name": "Acme"}}
    report = run(written("cs"), identify(1), identify(1), track, group, b"{", wait=1)
    assert (report["received"], report["refused"], report["duplicates"]) == (3, 1, 1)
    (counts,) = report["connections"]
    assert [counts[word] for word in ("received", "delivered", "failed", "parked", "pending")] == [
        3,
        1,
        1,
        1,
        0,
    ]
    found = {(one["destination"], one["outcome"], one["reason"]) for one in report["undelivered"]}
    assert found == {
        (None, "failed", "event_not_json"),
        ("cs", "failed", "event_unmapped"),
        ("cs", "parked", "email_missing"),
    }
    assert all(one["detail"] for one in report["undelivered"])


def test_a_second_send_knows_what_the_first_brought_and_goes_on_with_it(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = written("px")
    answers(monkeypatch, lambda request: Response(401, {}, b"{}"))
    report = run(config, identify(1), wait=0.5)
    assert report["connections"][0]["pending"] == 1
    assert report["undelivered"][0]["reason"] == "credentials_refused"
    answers(monkeypatch, healthy)
    config = written("px", px={"api_key": "another-key"})
    report = run(config, identify(1), identify(2))
    assert (report["received"], report["duplicates"]) == (1, 1)
    assert report["connections"][0]["delivered"] == 1


def test_it_returns_when_nothing_can_move_in_time(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(request: Request) -> Response:
        raise CallFailed("unreachable", "No route.", sent=False)

    answers(monkeypatch, unreachable)
    report = run(written("px"), identify(1), wait=0.2)
    assert report["connections"][0]["pending"] == 1
    assert report["undelivered"][0]["reason"] == "unreachable"


def test_what_is_out_of_budget_stays_pending(written: Written) -> None:
    budget = {"per_second": 10, "per_day": 3, "reserve_percent": 0}
    report = run(written("px", px={"budget": budget}), *(identify(n) for n in range(6)), wait=0.5)
    (counts,) = report["connections"]
    assert counts["delivered"] + counts["pending"] == 6 and counts["pending"] >= 3
    assert report["calls"] == {"px": 3}
    assert {one["reason"] for one in report["undelivered"]} == {"out_of_budget"}


def test_a_backfill_goes_with_what_live_events_leave_and_returns_when_that_is_used(written: Written) -> None:
    budget = {"per_second": 100, "per_day": 20, "reserve_percent": 0}
    config = written("px", px={"budget": budget})
    bodies = [json.dumps(identify(n)).encode() for n in range(30)]
    report = send(config.parent / "data", config, bodies, None, 0.5, lambda progress: None, backfill=True)
    assert report["connections"][0]["delivered"] <= 10, "half of the first day is kept"
    assert {one["reason"] for one in report["undelivered"]} == {"held_back"}
    live = run(config, identify(100), wait=0.5)
    assert live["connections"][0]["delivered"] == 1


def test_a_backfill_does_not_stand_far_before_live_events_in_the_log(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "APPENDED_AT_ONCE", 5)
    monkeypatch.setattr(sending, "AHEAD_OF_THE_ROUTER", 10)
    config, ahead = written("px"), []
    bodies = [json.dumps(identify(n)).encode() for n in range(60)]
    append = sending.LocalLog.append

    async def watched(log: sending.LocalLog, entries: Any) -> Any:
        with sending.Store(config.parent / "data").reading() as reading:
            routed = sum(sum(words.values()) for words in reading.counters().values())
        ahead.append(len(ahead) * 5 - routed)
        return await append(log, entries)

    monkeypatch.setattr(sending.LocalLog, "append", watched)
    report = send(config.parent / "data", config, bodies, None, 3.0, lambda progress: None, backfill=True)
    assert report["connections"][0]["delivered"] == 60
    assert len(ahead) == 12 and max(ahead) <= 10


def test_progress_ends_with_everything_settled(written: Written) -> None:
    seen: list[Progress] = []
    config = written("px")
    bodies = [json.dumps(identify(n)).encode() for n in range(3)]
    send(config.parent / "data", config, bodies, None, 3.0, seen.append)
    assert seen[-1].received == seen[-1].settled == 3 and seen[-1].pending == 0


def test_nothing_to_send_is_no_fault(written: Written) -> None:
    report = run(written("px"))
    assert (report["received"], report["undelivered"]) == (0, [])


@pytest.mark.parametrize(
    ("sources", "chosen", "said"),
    [
        ((), None, r"No source is configured"),
        (("a", "b"), None, r"choose one with --source: a, b\."),
        (("a", "b"), "c", r"There is no source c; configured are: a, b\."),
    ],
)
def test_a_source_that_is_not_clear_is_refused(
    written: Written, sources: tuple[str, ...], chosen: str | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        run(written("px", sources=sources), identify(1), source=chosen)


@pytest.mark.parametrize(
    ("body", "user"),
    [
        (b'{"userId":"u","anonymousId":"a"}', "u"),
        (b'{"anonymousId":"a"}', "a"),
        (b'{"userId":7}', "7"),
        (b"{}", ""),
        (b"no json", ""),
        (b"[" * 100_000, ""),
        (b'{"userId":"\xff"}', ""),
    ],
)
def test_the_user_decides_the_partition(body: bytes, user: str) -> None:
    assert user_of(body) == user
