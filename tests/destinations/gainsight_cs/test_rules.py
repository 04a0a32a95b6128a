"""Rules for fields hold in whatever letter case they are written."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from gainstage.event import Identity
from gainstage.testing.driving import deliver, event_of
from tests.destinations.sandboxed import CS, Sandbox, cs_settings, everything_arrived

GROUP = {
    "type": "group",
    "traits": {"name": "Acme", "arr": 5, "industry": "Steel"},
    "context": {"traits": {"email": "ann@acme.test"}},
}


def send(sandbox: Sandbox, message: dict[str, Any], **settings: Any) -> None:
    configured = cs_settings(sandbox, **settings)
    everything_arrived(deliver(CS, configured, CS.plan(configured, event_of(message), Identity()), sandbox))


@pytest.mark.parametrize("written", ["Arr", "ARR", "arr"])
def test_a_field_that_is_never_written_is_not(sandbox: Sandbox, written: str) -> None:
    send(sandbox, GROUP, field_rules={written: "never"})
    (company,) = sandbox.state["cs"]["companies"]
    assert company["Industry"] == "Steel"
    assert company.get("Arr") is None


@pytest.mark.parametrize("written", ["Industry", "INDUSTRY"])
@pytest.mark.parametrize("there", ["Wood", None])
def test_a_field_is_filled_only_where_it_is_empty(sandbox: Sandbox, written: str, there: str | None) -> None:
    row = {"Name": "Acme"} | ({"Industry": there} if there else {})
    sandbox.seed(cs={"companies": [row]})
    send(sandbox, GROUP, field_rules={written: "if_empty"})
    (company,) = sandbox.state["cs"]["companies"]
    assert (company["Industry"], company["Arr"]) == (there or "Steel", 5)


@pytest.mark.parametrize("written", ["Comments", "comments"])
def test_a_person_s_field_is_filled_only_where_it_is_empty(sandbox: Sandbox, written: str) -> None:
    sandbox.seed(cs={"people": [{"Email": "ann@acme.test", "Comments": "ours"}]})
    message = {"type": "identify", "traits": {"email": "ann@acme.test", "comments": "theirs", "name": "Ann"}}
    send(sandbox, message, field_rules={written: "if_empty"})
    (person,) = sandbox.state["cs"]["people"]
    assert (person["Comments"], person["Name"]) == ("ours", "Ann")


def test_two_rules_for_one_field_are_refused() -> None:
    with pytest.raises(ValidationError, match="ARR and Arr are one field"):
        CS.settings(domain="acme", access_key="key", field_rules=json.loads('{"ARR":"never","Arr":"always"}'))
