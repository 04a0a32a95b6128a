"""The tenant that the demo's sandbox plays: the custom fields which an admin at Gainsight would have made."""

import json
import urllib.request
from typing import Any

from gainstage.demo.story import AUDIENCE_FIELD, TRAIT_FIELD

SECONDS = 10
TITLE_FIELD, PLAN_FIELD = "Job_Title__gc", "Plan__gc"


def tenant() -> dict[str, Any]:
    """What the sandbox is seeded with: the fields of the demo's own mapping, and spare ones to map to."""
    return {
        "cs": {
            "schema": {
                "Person": [
                    _field(TITLE_FIELD, "STRING", "Job Title"),
                    _field(AUDIENCE_FIELD, "BOOLEAN", "Report Exporter"),
                    _field(TRAIT_FIELD, "NUMBER", "Pages Exported"),
                    _field("Department__gc", "STRING", "Department"),
                    _field("Login_Count__gc", "NUMBER", "Login Count"),
                    _field("Beta_User__gc", "BOOLEAN", "Beta User"),
                ],
                "Company": [
                    _field(PLAN_FIELD, "STRING", "Plan"),
                    _field("Region__gc", "STRING", "Region"),
                    _field("Seats__gc", "NUMBER", "Seats"),
                    _field("Trial__gc", "BOOLEAN", "Trial"),
                ],
            }
        },
        "px": {
            "attributes": {
                "user": [
                    _attribute("department", "STRING", "Department"),
                    _attribute("login_count", "NUMBER", "Login count"),
                    _attribute("beta_user", "BOOLEAN", "Beta user"),
                ],
                "account": [
                    _attribute("region", "STRING", "Region"),
                    _attribute("seats", "NUMBER", "Seats"),
                ],
            }
        },
    }


def furnish(sandbox: str) -> None:
    """Give the sandbox these fields, as anybody does who tries a tenant of their own with it."""
    body = json.dumps(tenant()).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{sandbox}/__sandbox__/seed", body, headers)
    with urllib.request.urlopen(request, timeout=SECONDS):
        pass


def _field(name: str, kind: str, label: str) -> dict[str, str]:
    return {"name": name, "type": kind, "label": label}


def _attribute(name: str, kind: str, label: str) -> dict[str, str]:
    return {"apiName": name, "type": kind, "name": label}
