"""The web SDKs in headless Chromium: pages on an origin of their own, gainstage on another."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tests.sdks.proxy import Passed, ScriptedProxy
from tests.sdks.site import Source

FOLDER = Path(__file__).parent / "pages"
SDKS = ("segment", "snippet", "rudder")
CALLS = ("identify", "track", "group", "page", "alias")
#: RudderStack's web SDK has no screen call.
CALLS_OF = {"segment": (*CALLS, "screen"), "snippet": (*CALLS, "screen"), "rudder": CALLS}
#: The one without windows first: it takes a seventh less of the processor.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CDN = "https://cdn.segment.com"


def chromium() -> str | None:
    """Where the machine's Chromium is; `CHROMIUM` names another one."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def launched(playwright: Playwright, executable: str) -> Browser:
    """A browser that asks nobody but this machine. Root may not use Chromium's own sandbox."""
    blocked = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
    return playwright.chromium.launch(
        executable_path=executable,
        args=["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server", blocked],
    )


def build(node: str, folder: Path) -> None:
    """Bundle the SDKs for the pages."""
    subprocess.run([node, str(FOLDER / "build.mjs"), str(folder)], check=True, timeout=60)


class Pages:
    """Serves what was built, and pages made from a text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, str] = {}
        self._server = _PageServer(("127.0.0.1", 0), self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.origin = f"http://localhost:{self._server.server_address[1]}"

    def put(self, html: str) -> str:
        """The address of a page with this text."""
        path = f"/page-{len(self._made)}.html"
        self._made[path] = html
        return self.origin + path

    def read(self, path: str) -> tuple[str, bytes] | None:
        """The type and the content at a path."""
        if path in self._made:
            return "text/html; charset=utf-8", self._made[path].encode()
        file = self._folder / path.strip("/")
        return ("text/javascript; charset=utf-8", file.read_bytes()) if file.is_file() else None

    def text(self, name: str) -> str:
        """Something that was built."""
        return (self._folder / name).read_text(encoding="utf-8")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Visitor:
    """Somebody with a browser who visits pages; what the pages store stays until the visitor goes."""

    context: BrowserContext
    pages: Pages
    sdk: str

    @contextmanager
    def visit(self, address: str, key: str, options: dict[str, Any] | None = None) -> Iterator[Page]:
        """A page on which the SDK was started; it is closed at the end as a person closes a tab."""
        page = self.context.new_page()
        page.goto(self.pages.put(self._html({"address": address, "key": key, "options": options or {}})))
        yield page
        page.close(run_before_unload=True)

    def _html(self, job: dict[str, Any]) -> str:
        scripts = "<script src='/calls.js'></script>"
        if self.sdk == "snippet":
            snippet = (
                self.pages.text("snippet.js").replace(CDN, job["address"]).replace("WRITE_KEY", job["key"])
            )
            cdn = f'analytics._cdn="{job["address"]}";analytics.load('
            scripts += f"<script>{snippet.replace('analytics.load(', cdn)}</script>"
        else:
            scripts += f"<script src='/{self.sdk}.js'></script><script>start({json.dumps(job)})</script>"
        return f"<!doctype html><title>Acme</title><body>{scripts}"


def taken(count: int) -> Callable[[list[Passed]], bool]:
    """So many requests were answered with yes."""
    return lambda passed: sum(one.status == 200 for one in passed) >= count


def sent(source: Source, visitor: Visitor, proxy: ScriptedProxy, **options: Any) -> None:
    """One call of each kind, taken by the server before the page is closed."""
    with visitor.visit(proxy.address, source.key, options) as page:
        page.evaluate("sendKinds()")
        proxy.wait_for(taken(len(CALLS_OF[visitor.sdk])))


class _PageServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, place: tuple[str, int], pages: Pages) -> None:
        super().__init__(place, _Handler)
        self.pages = pages


class _Handler(BaseHTTPRequestHandler):
    server: _PageServer

    def do_GET(self) -> None:
        found = self.server.pages.read(self.path)
        self.send_response_only(200 if found else 404)
        kind, content = found or ("text/plain", b"")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing: the test says what matters."""
