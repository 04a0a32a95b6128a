"""The management API on a data folder, and a way to ask it. No vendor is called."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx2

from gainstage.dashboard.application import pages
from gainstage.ingest import Counts
from gainstage.management import Access, Management
from tests.unit.app.conftest import DESTINATIONS
from tests.unit.ingest.requests import StandingClock

TOKEN = "0123456789abcdef0123456789abcdef"
WRITE_KEY = "unit-write-key-app"
FIELDS = "object,name,type,length\nCompany,Name,STRING,255\nCompany,Employees,NUMBER,\n"
PERSON = {"type": "identify", "messageId": "p-1", "userId": "u", "traits": {"email": "ann@x.example"}}


class NoStatus:
    """A status of nothing."""

    async def status_now(self, now_us: int) -> dict[str, Any]:
        return {"connections": [], "budgets": [], "blocked": [], "oldest_pending_seconds": None}


class Asked:
    """Everything that the server answers beside the tracking API, over a data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.counts = Counts()
        access = Access(TOKEN, StandingClock(), lambda scope: "", self.counts.refused)
        self._transport = httpx2.ASGITransport(
            pages(NoStatus(), self.counts, Management(data, NoStatus(), access))
        )

    async def ask(
        self, method: str, path: str, *, token: str | None = TOKEN, **options: Any
    ) -> httpx2.Response:
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
        async with httpx2.AsyncClient(transport=self._transport, base_url="http://server") as client:
            return await client.request(method, path, headers=headers, **options)


def configured(*names: str) -> dict[str, Any]:
    return {
        "sources": [{"name": "app", "kind": "server", "write_key": WRITE_KEY}],
        "destinations": [{"name": name, **deepcopy(DESTINATIONS[name])} for name in names],
    }


def code(answer: httpx2.Response) -> str:
    """The code of a refusal, which has one sentence too."""
    error = answer.json()["error"]
    assert error["message"].endswith(".") and "\n" not in error["message"]
    return str(error["code"])
