"""The sandbox as the vendor of an exchange, and the works that the tests hand over."""

from typing import Any

import httpx2

from gainstage.destination import CallFailed, Request, Response, Work
from gainstage.destinations import registry
from gainstage.operation import Record
from gainstage.outcome import Delivered
from gainstage.testing.driving import Driven

CS = registry.load("gainsight_cs")


class Sandbox:
    """The sandbox, as the vendor of an exchange."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client
        self.url = str(client.base_url).rstrip("/")

    def __call__(self, request: Request) -> Response:
        try:
            answer = self.client.request(
                request.method, request.url, content=request.body, headers=dict(request.headers)
            )
        except httpx2.ConnectError as error:
            raise CallFailed("unreachable", str(error), sent=False) from error
        except httpx2.TransportError as error:
            raise CallFailed("timeout", str(error), sent=True) from error
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, headers, answer.content)

    def behave(self, **switches: Any) -> None:
        self.client.post("/__sandbox__/behaviour", json=switches).raise_for_status()

    def seed(self, **parts: Any) -> None:
        self.client.post("/__sandbox__/seed", json=parts).raise_for_status()

    def fault(self, **fault: Any) -> None:
        self.client.post("/__sandbox__/faults", json=fault).raise_for_status()

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/__sandbox__/state").json()
        return found


def cs_settings(sandbox: Sandbox, **more: Any) -> Any:
    return CS.settings(
        domain="acme",
        api_url=sandbox.url,
        access_key="key",
        shared_secret="secret",
        tenant_id="tenant",
        topic_name="topic",
        events={"Ticket Closure": {"name": "ticket_closure", "version": "v01"}},
        **more,
    )


def companies(*names: str, **fields: Any) -> list[Work]:
    return [
        Work("upsert", Record("company", f"name:{name}"), content, content)
        for name in names
        for content in [{"Name": name, **fields}]
    ]


def everything_arrived(driven: list[Driven]) -> None:
    outcomes = [outcome for done in driven for outcome in done.outcomes]
    assert outcomes and all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes
