"""Mistakes that worlds of faults must notice: each is made on purpose, and one of the first worlds breaks."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from gainstage.delivery import availability, destinations, engine, settling
from gainstage.delivery.destinations import Active
from gainstage.destinations.gainsight_cs import answers
from tests.simulation.__main__ import live

#: By most of these one world of ten breaks, or more.
WORLDS = range(1, 61)


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    """The engine complains of every fault that it is given."""
    caplog.set_level(logging.CRITICAL, "gainstage")


def complaints() -> Iterator[str]:
    """What breaks worlds, one after the other."""
    for seed in WORLDS:
        world = live(seed)
        if world.failure is not None:
            yield str(world.failure)


def test_a_retry_after_that_is_not_heeded_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling.Settler, "_asked", lambda *_: None)
    assert "too early" in next(complaints(), "")


def test_a_date_in_retry_after_that_is_not_heeded_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settling.retry_after_seconds

    def read_digits(value: str, now_us: int, longest: float) -> float | None:
        return read(value, now_us, longest) if value.strip().isdigit() else None

    monkeypatch.setattr(settling, "retry_after_seconds", read_digits)
    assert "too early" in next(complaints(), "")


def test_failures_that_are_tried_again_at_once_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "wait_seconds", lambda *_: 0.01)
    assert "in a row" in next(complaints(), "")


def test_an_unavailable_vendor_that_is_called_for_other_records_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(availability.Availability, "_hold", lambda *_: None)
    assert any("told to come later" in complaint for complaint in complaints())


def test_a_limit_that_was_lowered_and_is_not_heeded_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    activate, first = engine.activate, {}

    def keep(*given: Any) -> dict[str, Active]:
        found = activate(*given)
        for name, active in found.items():
            if active.budgets:
                active.budgets = first.setdefault(name, active.budgets)
        return found

    monkeypatch.setattr(engine, "activate", keep)
    assert "are allowed" in next(complaints(), "")


def test_a_limit_that_another_destination_lowers_and_is_not_heeded_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def share_nothing(actives: Sequence[Active]) -> list[Any]:
        return [budget for active in actives for budget in active.budgets]

    monkeypatch.setattr(destinations, "_share_limits", share_nothing)
    assert "are allowed" in next(complaints(), "")


def test_a_refusal_with_200_taken_for_success_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    read = answers.read_answer

    def read_status(settings: Any, response: Any) -> Any:
        return None if response.status == 200 else read(settings, response)

    for module in ("people", "companies", "events"):
        monkeypatch.setattr(f"gainstage.destinations.gainsight_cs.{module}.read_answer", read_status)
    assert "delivered" in next(complaints(), "")
