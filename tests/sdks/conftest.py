"""What the tests with the published SDKs share: one running gainstage, and what the machine has to offer."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from gainstage_sandbox import Running, running
from tests.sdks.browser import Pages, Visitor, build, chromium, launched
from tests.sdks.site import Site

FOLDER = Path(__file__).parent
PACKAGES = FOLDER / "node_modules"
NODE_MAJOR = 18

Arrive = Callable[[str], Visitor]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Running]:
    with running() as found:
        found.state.limits.change({"enabled": False})
        yield found


@pytest.fixture(scope="session")
def site(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running gainstage, delivering to the sandbox; it serves the snippet's script where there is one."""
    script = PACKAGES / "@segment/analytics-next/dist/umd/standalone.js"
    options = ("--analytics-js", str(script)) if script.exists() else ()
    made = Site(tmp_path_factory.mktemp("site"), sandbox.url, options)
    made.world.start()
    yield made
    made.world.stop()
    made.world.close()


@pytest.fixture(scope="session")
def node() -> str:
    """Node with the SDKs' packages."""
    found = shutil.which("node")
    if found is None:
        pytest.skip(f"the SDKs for Node and browsers: install Node {NODE_MAJOR} or newer and npm")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().lstrip("v").split(".")[0]) < NODE_MAJOR:
        pytest.skip(f"the SDKs for Node and browsers: Node {version.strip()} is older than {NODE_MAJOR}")
    if not (PACKAGES / ".package-lock.json").exists():
        pytest.skip("the SDKs for Node and browsers: their packages are missing; make sdks")
    return found


@pytest.fixture(scope="session")
def pages(node: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The pages with the web SDKs, on an origin of their own."""
    folder = tmp_path_factory.mktemp("pages")
    build(node, folder)
    served = Pages(folder)
    yield served
    served.close()


@pytest.fixture(scope="module")
def browser(node: str) -> Iterator[Browser]:
    """The machine's Chromium, for one module: while it is there an event loop runs in this thread, and tests
    that start one of their own would fail.
    """
    executable = chromium()
    if executable is None:
        pytest.skip("the SDKs for browsers: install Chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        launching = launched(playwright, executable)
        yield launching
        launching.close()


@pytest.fixture
def arrive(browser: Browser, pages: Pages) -> Iterator[Arrive]:
    """A visitor with an empty browser, on pages with this SDK."""
    contexts = []

    def arrived(sdk: str) -> Visitor:
        contexts.append(browser.new_context())
        return Visitor(contexts[-1], pages, sdk)

    yield arrived
    for context in contexts:
        context.close()
