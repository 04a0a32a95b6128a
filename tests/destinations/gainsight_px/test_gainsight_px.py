"""The PX destination passes the shared suite and does what its cases say."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from gainstage.destinations import registry
from gainstage.testing.destination_suite import DestinationSuite
from tests.destinations.transcripts import Case, cases_of, play

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]


class TestGainsightPx(DestinationSuite):
    destination = registry.load("gainsight_px")
    settings: ClassVar[dict[str, Any]] = {
        "api_key": "key",
        "product_tag_key": ["AP-ABC-2", "AP-DEF-2"],
        "data_center": "EU",
        "user_attributes": {"plan": "plan"},
        "account_attributes": {"culture": "culture"},
        "global_context": {"app": "web"},
        "page_events": True,
        "screen_events": True,
    }
    messages = (
        {"type": "identify", "traits": {"email": "ann@acme.test", "name": "Ann Lee", "city": "Oslo"}},
        {"type": "identify", "userId": "a/b", "traits": {"plan": "pro", "accountId": "g-1"}},
        {"type": "group", "groupId": "g-1", "traits": {"name": "Acme", "culture": "cool"}},
        {"type": "track", "event": "Signed In", "properties": {"plan": "pro"}},
        {"type": "page", "name": "Pricing", "properties": {"url": "https://acme.test"}},
        {"type": "screen", "name": "Home"},
    )
    readme = ROOT / "gainstage/destinations/gainsight_px/README.md"


class TestPush(TestGainsightPx):
    """The same with whole messages."""

    settings: ClassVar[dict[str, Any]] = {
        "mode": "segment_push",
        "product_tag_key": "AP-ABC-2",
        "data_center": "EU",
        "page_events": True,
        "screen_events": True,
    }


class TestAsking(TestGainsightPx):
    """The same with the deny list asked."""

    settings: ClassVar[dict[str, Any]] = {**TestGainsightPx.settings, "deny_list": "ask", "view_names": "own"}
    test_plan_is_pure_and_never_raises = None  # planning does not look at the deny list


@pytest.mark.parametrize("case", cases_of(FOLDER), ids=str)
def test_case(case: Case) -> None:
    play(registry.load("gainsight_px"), case)
