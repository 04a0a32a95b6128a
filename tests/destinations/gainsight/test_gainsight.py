"""The clickstream destination passes the shared suite and does what its cases say."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from gainstage.destination import Finding
from gainstage.destinations import registry
from gainstage.testing.destination_suite import DestinationSuite
from tests.destinations.transcripts import Case, cases_of, play

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
KEY = "0123456789abcdef0123456789abcdef0123"


class TestGainsight(DestinationSuite):
    destination = registry.load("gainsight")
    settings: ClassVar[dict[str, Any]] = {"access_key": KEY}
    messages = (
        {"type": "identify", "traits": {"accountId": "a-1", "name": "Miles"}},
        {"type": "group", "groupId": "a-1", "traits": {"name": "Acme"}},
        {"type": "track", "event": "Signed In", "properties": {"plan": "pro"}},
    )
    readme = ROOT / "gainstage/destinations/gainsight/README.md"


@pytest.mark.parametrize("case", cases_of(FOLDER), ids=str)
def test_case(case: Case) -> None:
    play(registry.load("gainsight"), case)


@pytest.mark.parametrize(("length", "warned"), [(36, False), (35, True), (37, True), (1, True)])
def test_a_key_of_another_length_warns_and_names_the_expected_one(length: int, warned: bool) -> None:
    destination = registry.load("gainsight")
    findings = destination.warnings(destination.settings(access_key="k" * length))
    assert bool(findings) is warned
    assert all(f.level == "warning" and f.setting == "access_key" and "36" in f.message for f in findings)


def test_check_sends_nothing_and_says_what_cannot_be_known() -> None:
    destination = registry.load("gainsight")
    [finding] = destination.check(destination.settings(access_key="k" * 36))
    assert isinstance(finding, Finding) and finding.level == "unknown"
    assert "whether the access key is valid cannot be known without writing" in finding.message
