"""How the tests speak to the sandbox: short forms of the vendors' calls and of the control endpoints."""

import base64
from typing import Any

import httpx2

START = 1_700_000_040.0
"""The start of a minute, in seconds since the epoch."""
CS = {"Accesskey": "a" * 36, "Accept": "application/json"}
EVENT = {
    "tenantId": "tenant-1",
    "sharedSecret": "secret-1",
    "eventName": "Signed up",
    "eventVersion": "v01",
    "topicName": "product",
    "Accept": "application/json",
}
PX = {"X-APTRINSIC-API-KEY": "px-key-1"}
TAG = "AP-TAG-2"
PEOPLE = "/v1.0/api/people"
NEW_PEOPLE = "/v1/peoplemgmt/v1.0/people"
COMPANY = "/v1/data/objects/Company"
EVENTS = "/v1.0/api/eventManager/event"
CLICKSTREAM = "/clickstream/segmentio/event"
PUSH = "/rte/segmentio/v1/push"
Response = httpx2.Response


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Vendor:
    def __init__(self, client: httpx2.Client) -> None:
        self.client = client

    # CS
    def cs(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        return self.client.request(method, path, json=body, headers={**CS, **headers})

    def person(self, **fields: Any) -> Response:
        return self.cs("PUT", PEOPLE, fields)

    def insert(self, *records: dict[str, Any], object: str = "Company", **block: Any) -> Response:  # noqa: A002
        return self.cs("POST", f"/v1/data/objects/{object}", {"records": list(records), **block})

    def update(
        self,
        *records: dict[str, Any],
        keys: str = "Name",
        object: str = "Company",  # noqa: A002
        **block: Any,
    ) -> Response:
        return self.cs("PUT", f"/v1/data/objects/{object}?keys={keys}", {"records": list(records), **block})

    def query(self, *conditions: dict[str, Any], object: str = "Company", **block: Any) -> Response:  # noqa: A002
        aliased = [{"alias": "ABCDEFGH"[n], **condition} for n, condition in enumerate(conditions)]
        where = {"conditions": aliased}
        if "expression" in block:
            where["expression"] = block.pop("expression")
        body = {"select": ["Name"], "where": where, **block}
        return self.cs("POST", f"/v1/data/objects/query/{object}", body)

    def company(self, name: str, **fields: Any) -> str:
        """The GSID of a new company."""
        response = self.insert({"Name": name, **fields})
        assert response.status_code == 200, response.text
        return str(response.json()["data"]["records"][0]["Gsid"])

    def event(self, properties: Any, **headers: str | None) -> Response:
        wanted = {name: value for name, value in {**EVENT, **headers}.items() if value is not None}
        return self.client.post(EVENTS, json=properties, headers=wanted)

    # PX
    def px(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        return self.client.request(method, path, json=body, headers={**PX, **headers})

    def user(self, key: str = "u1", **fields: Any) -> Response:
        return self.px("POST", "/v1/users", {"identifyId": key, "propertyKeys": [TAG], **fields})

    def account(self, key: str = "acme", **fields: Any) -> Response:
        return self.px("POST", "/v1/accounts", {"id": key, "name": key, "propertyKeys": [TAG], **fields})

    def track(self, **fields: Any) -> Response:
        event = {"eventName": "Clicked", "identifyId": "u1", "propertyKey": TAG, "userType": "USER"}
        return self.px("POST", "/v1/events/custom", {**event, **fields})

    def push(self, message: Any, key: str = TAG, **headers: str) -> Response:
        credentials = base64.b64encode(f"{key}:".encode()).decode()
        given = {"Authorization": f"Basic {credentials}", **headers}
        return self.client.post(PUSH, json=message, headers=given)

    # Clickstream
    def clickstream(self, message: Any, key: str = "c" * 36) -> Response:
        return self.client.post(CLICKSTREAM, json=message, headers={"accessKey": key})

    # Control
    def control(self, method: str, path: str, body: Any = None) -> Any:
        response = self.client.request(method, f"/__sandbox__/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def state(self) -> Any:
        return self.control("GET", "state")

    def set(self, **switches: Any) -> None:
        self.control("POST", "behaviour", switches)

    def seed(self, **parts: Any) -> None:
        self.control("POST", "seed", parts)

    def fault(self, fault: str, **rule: Any) -> Any:
        return self.control("POST", "faults", [{"fault": fault, **rule}])


def code(response: Response) -> Any:
    """The status and the CS error code of an answer."""
    return response.status_code, response.json()["errorCode"]


def rows(response: Response) -> Any:
    assert response.status_code == 200, response.text
    data = response.json()["data"]
    return data["records"] if isinstance(data, dict) else data


def message(response: Response) -> Any:
    """The status and the PX message of an answer."""
    return response.status_code, response.json()["externalapierror"]["message"]
