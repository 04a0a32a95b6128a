"""Companies with a CSM and a parent that are to be looked up, and the tenant that has them."""

import json
from typing import Any

from gainstage.destination import Request, Work
from gainstage.event import Identity
from gainstage.operation import Record
from gainstage.testing.driving import event_of
from tests.destinations.sandboxed import CS, Sandbox

GSID = "1P02" + "A" * 32
USER = "1P01" + "B" * 32
ANN = {"Gsid": USER, "Email": "ann@vendor.test", "Name": "Ann"}
BOTH = {"csm_lookup": "email", "parent_lookup": "name"}


def group(**traits: Any) -> dict[str, Any]:
    return {
        "type": "group",
        "traits": {"name": "Acme", **traits},
        "context": {"traits": {"email": "p@acme.test"}},
    }


def planned(message: dict[str, Any], **settings: Any) -> Any:
    return CS.plan(CS.settings(domain="acme", access_key="key", **settings), event_of(message), Identity())


def company(name: str, facts: dict[str, Any] | None = None, **fields: Any) -> Work:
    content = {"Name": name, **fields}
    return Work("upsert", Record("company", f"name:{name}"), content, content, facts or {})


def tenant(sandbox: Sandbox, *names: str, users: tuple[dict[str, Any], ...] = (ANN,)) -> dict[str, str]:
    """Users and companies at Gainsight; returns the companies' GSIDs."""
    sandbox.seed(cs={"objects": {"gsuser": list(users)}, "companies": [{"Name": name} for name in names]})
    return {row["Name"]: row["Gsid"] for row in sandbox.state["cs"]["companies"]}


def stored(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    return {row["Name"]: row for row in sandbox.state["cs"]["companies"]}


def writes(requests: list[Request]) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in requests if "/query/" not in request.url]
