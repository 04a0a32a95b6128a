"""Somebody at a browser in front of a real server, and what is expected of every page that they open."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from gainstage import app
from gainstage.accounts import Passwords
from tests.unit.accounts.test_passwords import CHEAP
from tests.world import ROOT, World

PASSWORD = "correct staple horse"
#: Widths in pixels: a desk, a phone.
DESK, PHONE = (1280, 800), (390, 844)
#: Where screenshots go when they are asked for; without the variable none is kept.
PICTURES = ROOT / "docs" / "screenshots"
ASKED_FOR = "GAINSTAGE_SCREENSHOTS"
#: What axe calls serious: somebody cannot use the page.
SERIOUS = ("serious", "critical")

_axe = Axe()


@dataclass
class Reader:
    """One browser with its cookies. Errors of the console are collected; `check` fails for them."""

    context: BrowserContext
    address: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("requestfailed", self._lost)

    def _listen(self, message: ConsoleMessage) -> None:
        # A refused request is what some tests want; what a page is refused by its own policy is not.
        if (
            message.type in ("error", "warning")
            and "the server responded with a status of" not in message.text
        ):
            self.complaints.append(f"console: {message.text}")

    def _lost(self, request: Any) -> None:
        if request.failure not in (None, "net::ERR_ABORTED"):
            self.complaints.append(f"{request.url}: {request.failure}")

    def open(self, path: str) -> Page:
        """Open a page and look it over."""
        self.page.goto(self.address + path)
        self.check()
        return self.page

    def log_in(self, name: str, password: str = PASSWORD) -> None:
        """Through the form, as anybody."""
        self.page.goto(f"{self.address}/login")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def check(self) -> None:
        """The page in front: nobody is kept out, nothing is cut, the browser complains of nothing."""
        assert self.complaints == [], (self.page.url, self.complaints)
        found = [
            f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']][:3]}"
            for one in _axe.run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
            if one["impact"] in SERIOUS
        ]
        assert found == [], (self.page.url, found)
        assert self.page.locator("h1").count() == 1, self.page.url
        assert self.page.locator(".form-hint, .invalid-feedback", has_text="`").count() == 0, self.page.url
        size = self.page.viewport_size  # a phone would zoom out of a page that is too wide
        assert size is not None
        wide = self.page.evaluate("document.documentElement.scrollWidth") - size["width"]
        assert wide <= 0, f"{self.page.url} is {wide} pixels wider than the window"

    def picture(self, name: str) -> None:
        """A screenshot for the documents, where one is asked for."""
        if os.environ.get(ASKED_FOR):
            PICTURES.mkdir(exist_ok=True)
            size = self.page.viewport_size or {"width": DESK[0], "height": DESK[1]}
            width = "phone" if size["width"] == PHONE[0] else "desk"
            tall = self.page.evaluate("document.documentElement.scrollHeight")
            # As tall as the page: the menu stays beside all of it.
            self.page.set_viewport_size({"width": size["width"], "height": max(tall, size["height"])})
            # To hide the caret it would put a style into the page, which its policy forbids.
            self.page.screenshot(path=PICTURES / f"{name}-{width}.png", caret="initial")
            self.page.set_viewport_size(size)


@contextmanager
def reading(
    browser: Browser, address: str, size: tuple[int, int] = DESK, *, dark: bool = False, script: bool = True
) -> Iterator[Reader]:
    """A new browser window with an empty browser behind it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        is_mobile=size == PHONE,
        has_touch=size == PHONE,
    )
    try:
        yield Reader(context, address)
    finally:
        context.close()


def admit(world: World, name: str, role: str) -> None:
    """Let somebody log in, with a password that is cheap to verify."""
    app.add_user(world.data, name, role, PASSWORD, Passwords(CHEAP))


def invitation(world: World) -> str:
    """The path of the page that makes the first admin, as the server printed it."""
    found = re.search(r"http://[^/\s]+(/setup\?token=\S+)", world.said())
    assert found is not None, world.said()
    return found[1]
