"""A real server with users, in this process: sockets, a store, and passwords that are cheap to hash."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2

from gainstage import app
from gainstage.app.entering import Credentials
from gainstage.dashboard.application import pages
from gainstage.ingest import Counts, TrackingApi
from gainstage.ingest.address import public_address
from gainstage.ingest.front import Front
from gainstage.ingest.proxies import trusted_proxies
from gainstage.ingest.server import serve
from gainstage.log.memory import MemoryLog
from gainstage.management import Access, Cookies, Invitation, Management
from gainstage.store.store import Store
from tests.unit.accounts.test_passwords import CHEAP
from tests.unit.ingest.requests import StandingClock

TOKEN = "accounts-0123456789abcdef0123456789abcdef"
PASSWORD = "correct staple horse"
PASSWORDS = app.Passwords(CHEAP)


class NoStatus:
    """A status of nothing."""

    async def status_now(self, now_us: int) -> dict[str, Any]:
        return {"connections": [], "budgets": [], "blocked": [], "oldest_pending_seconds": None}


class Server:
    """It listens until it is stopped; its clock moves only when told to."""

    def __init__(
        self, data: Path, *, token: str | None = TOKEN, proxy: str = "", public_url: str | None = None
    ) -> None:
        self.data, self.clock, self.counts = data, StandingClock(), Counts()
        self.store = Store(data)
        self.invitation = Invitation()
        self.credentials = Credentials(self.store)
        proxies = trusted_proxies([proxy] if proxy else [])
        front = Front(proxies, public_address(public_url) if public_url else None)
        cookies = Cookies(front.public_address)
        access = Access(token, self.clock, proxies.client, self.counts.refused, self.credentials, cookies)
        self.management = Management(data, NoStatus(), access, PASSWORDS, self.invitation)
        self.api = TrackingApi(
            MemoryLog(),
            self.clock,
            lambda: {},
            front=front,
            fallback=pages(NoStatus(), self.counts, self.management),
        )
        self.address = ""

    async def start(self) -> None:
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(serve(self.api, "127.0.0.1", 0, started=address.set_result))
        self.address = await address
        self.client = httpx2.AsyncClient(base_url=self.address, trust_env=False, verify=False)

    async def stop(self) -> None:
        await self.client.aclose()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.store.close()

    def add(self, name: str, role: str, password: str = PASSWORD) -> None:
        """Let somebody log in."""
        app.add_user(self.data, name, role, password, PASSWORDS)

    def noted(self, **wanted: Any) -> list[tuple[str, str, str, str]]:
        """Who did what on what and what came of it, the oldest first."""
        entries = app.audit(self.data, **wanted)["entries"]
        return [(row["actor"], row["action"], row["object"], row["outcome"]) for row in reversed(entries)]


class Browser:
    """Keeps the cookie and sends it with the CSRF token, as a page of ours would."""

    def __init__(self, server: Server, *, below: str = "", **headers: str) -> None:
        self.server, self.below = server, below
        self.csrf: str | None = None
        self.cookie: str | None = None
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        sent = {**self.headers}
        if self.cookie is not None:
            sent["Cookie"] = self.cookie
        if self.csrf is not None:
            sent["X-CSRF-Token"] = self.csrf
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        answer = await self.server.client.request(method, f"{self.below}/api/{path}", json=body, headers=sent)
        self.server.client.cookies.clear()  # it is everybody's
        if "set-cookie" in answer.headers:
            given = answer.headers["set-cookie"].partition(";")[0]
            self.cookie = None if given.endswith("=") else given
        if answer.status_code < 400 and path.partition("/")[0] in ("session", "setup"):
            self.csrf = answer.json().get("csrf", self.csrf)
        return answer

    async def log_in(self, name: str, password: str = PASSWORD, **headers: str) -> httpx2.Response:
        return await self.ask("POST", "session", {"name": name, "password": password}, **headers)


def program(server: Server, token: str = TOKEN) -> Browser:
    """What sends a token instead of a session."""
    return Browser(server, Authorization=f"Bearer {token}")


def code(answer: httpx2.Response) -> tuple[int, str]:
    """A refusal, which has one sentence too."""
    error = answer.json()["error"]
    assert error["message"].endswith(".") and "\n" not in error["message"]
    return answer.status_code, str(error["code"])
