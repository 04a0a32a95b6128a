"""The CS destination passes the shared suite and does what its cases say."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from gainstage.destinations import registry
from gainstage.testing.destination_suite import DestinationSuite
from tests.destinations.transcripts import Case, cases_of, play

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
SETTINGS: dict[str, Any] = {
    "domain": "acme",
    "access_key": "key",
    "shared_secret": "secret",
    "tenant_id": "tenant",
    "topic_name": "topic",
    "events": {"Ticket Closed": {"name": "ticket_closed", "version": "v01"}},
    "person_fields": {"plan": "Plan__gc"},
    "company_fields": {"tier": "Tier__gc"},
    "company_person_fields": {"role": "Role"},
}
MESSAGES = (
    {"type": "identify", "traits": {"email": "Ann@acme.test", "name": "Ann Lee", "plan": "pro"}},
    *(
        {
            "type": "group",
            "groupId": f"g-{number}",
            "traits": {"name": f"Company {number}", "employees": number, "role": "Admin"},
            "context": {"traits": {"email": f"p{number}@acme.test"}},
        }
        for number in range(7)
    ),
    {"type": "group", "groupId": "g-9", "traits": {"name": "Other", "arr": 5}},
    {"type": "track", "event": "Ticket Closed", "properties": {"id": 1}},
)


class TestGainsightCs(DestinationSuite):
    destination = registry.load("gainsight_cs")
    settings = SETTINGS
    messages = MESSAGES
    readme = ROOT / "gainstage/destinations/gainsight_cs/README.md"


class TestGainsightCsThatReadsBeforeItWrites(DestinationSuite):
    destination = registry.load("gainsight_cs")
    settings: ClassVar[dict[str, Any]] = {
        **SETTINGS,
        "field_rules": {"Name": "if_empty", "Employees": "if_empty", "Plan__gc": "never"},
        "on_unknown": "hold",
        "company_on_ambiguous": "error",
    }
    messages = MESSAGES


class TestGainsightCsThatLooksUp(DestinationSuite):
    destination = registry.load("gainsight_cs")
    settings: ClassVar[dict[str, Any]] = {
        **SETTINGS,
        "csm_lookup": "email",
        "parent_lookup": "name",
        "field_rules": {"Csm": "if_empty"},
    }
    messages = (
        *MESSAGES,
        *(
            {"type": "group", "traits": {"name": f"Owned {number}", **owners}}
            for number, owners in enumerate(
                (
                    {"csm": "ann@vendor.test"},
                    {"csm": "ann@vendor.test", "parentCompany": "Owned 0"},
                    {"parentCompany": "Owned 1"},
                    {"csm": "bob@vendor.test", "parentCompany": "Elsewhere"},
                )
            )
        ),
    )


class TestGainsightCsInBulk(DestinationSuite):
    destination = registry.load("gainsight_cs")
    settings: ClassVar[dict[str, Any]] = {**SETTINGS, "people_bulk": "auto"}
    messages = tuple(
        {"type": "identify", "traits": {"email": f"n{number}@acme.test", "name": f"N {number}"}}
        for number in range(12)
    )


@pytest.mark.parametrize("case", cases_of(FOLDER), ids=str)
def test_case(case: Case) -> None:
    play(registry.load("gainsight_cs"), case)
