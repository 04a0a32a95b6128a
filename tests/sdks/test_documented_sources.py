"""Every snippet of docs/sources and of the README is followed literally, with the real packages."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gainstage_sandbox import Running
from tests.sdks.browser import CDN, taken
from tests.sdks.conftest import Arrive
from tests.sdks.site import Site, apart
from tests.sdks.snippets import ADDRESS, README, SOURCES, Snippet, filled, snippets
from tests.sdks.wire import connected, exchange, holds
from tests.world import World, wait_for

PAGES = sorted(path for path in SOURCES.glob("*.md") if path.name != "README.md")
WHOLE = [
    snippet
    for page in PAGES
    if page.stem != "segment-snippet"
    for snippet in snippets(page, "python", "javascript")
]
OF_THE_README = snippets(README, "python", "javascript")
#: What a mobile SDK makes of the address it is given, and whether it fetches there.
MADE_OF = {
    "apiHost": ("/b", False),
    "cdnHost": ("/projects/{key}/settings", True),
    "proxy": ("/b", False),
    "cdnProxy": ("/projects/{key}/settings", True),
    "dataPlaneUrl": ("/v1/batch", False),
    "withDataPlaneUrl": ("/v1/batch", False),
    "controlPlaneUrl": ("/sourceConfig?p=android&v=1.0&bv=35", True),
    "withControlPlaneUrl": ("/sourceConfig?p=android&v=1.0&bv=35", True),
}
GIVEN = re.compile(rf"\b({'|'.join(MADE_OF)})\b\W+\"([^\"]+)\"")


def needs(snippet: Snippet, request: pytest.FixtureRequest) -> None:
    if snippet.language != "python":
        request.getfixturevalue("node")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_source_is_listed_and_says_what_happens_when_the_server_is_away(page: Path) -> None:
    assert "\n## When the server is away\n" in page.read_text(encoding="utf-8")
    assert f"({page.name})" in (SOURCES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("snippet", WHOLE, ids=lambda snippet: snippet.name)
def test_the_snippet_of_a_source_sends_its_events(
    site: Site, snippet: Snippet, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    needs(snippet, request)
    source = site.source("web" if snippet.runs_in_a_page else "server")
    with source.behind() as proxy:
        text = snippet.filled(proxy.address, source.key)
        if snippet.runs_in_a_page:
            visitor = request.getfixturevalue("arrive")("")
            visitor.context.new_page().goto(text.put(tmp_path, visitor.pages))
            proxy.wait_for(taken(len(snippet.calls)))
        else:
            text.run(tmp_path)
    kept = source.kept(len(snippet.calls))
    assert sorted(one.event.kind for one in kept) == sorted(snippet.calls)
    (identify,) = [one.event for one in kept if one.event.kind == "identify"]
    assert identify.traits == {"email": "ada@example.com", "name": "Ada Lovelace"}


def test_the_changed_html_snippet_sends_its_events(site: Site, arrive: Arrive) -> None:
    source, visitor = site.source("web"), arrive("snippet")
    where, load, calls = snippets(SOURCES / "segment-snippet.md", "javascript")
    original = visitor.pages.text("snippet.js")
    replaced = {
        f't.src="{CDN}/analytics.js/v1/" + key + "/analytics.min.js";': where.text.strip(),
        'analytics.load("WRITE_KEY");': load.text,
        'analytics._writeKey="WRITE_KEY"': 'analytics._writeKey="WEBSITE_WRITE_KEY"',
    }
    for old, new in replaced.items():
        assert original.count(old) == 1
        original = original.replace(old, new)
    with source.behind() as proxy:
        text = filled(f"<script>{original}</script><script>{calls.text}</script>", proxy.address, source.key)
        visitor.context.new_page().goto(visitor.pages.put(f"<!doctype html><title>Acme</title><body>{text}"))
        proxy.wait_for(taken(len(calls.calls)))
    assert sorted(one.event.kind for one in source.kept(len(calls.calls))) == sorted(calls.calls)


def test_the_commands_for_plain_http_send_their_events(site: Site) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the commands of docs/sources/http.md: install curl")
    source = site.source("server")
    (commands,) = snippets(SOURCES / "http.md", "sh")
    script = "set -e\n" + filled(commands.text, source.address, source.key)
    subprocess.run(["sh", "-c", script], check=True, timeout=60, capture_output=True)
    identify, track = (one.event for one in source.kept(2))
    assert identify.traits == {"email": "ada@example.com", "name": "Ada Lovelace"}
    assert (track.name, track.properties) == ("Report Exported", {"format": "pdf"})


def test_the_pixels_are_images_and_their_events_are_kept(site: Site) -> None:
    source = site.source("web")
    (images,) = snippets(SOURCES / "http.md", "html")
    for address in re.findall(r'src="([^"]+)"', images.text):
        if found := re.search(r"data=([^&]+)", address):
            text = filled(base64.b64decode(found[1]).decode(), source.address, source.key)
            address = address.replace(found[1], base64.b64encode(text.encode()).decode())
        path = filled(address, source.address, source.key).removeprefix(source.address)
        with connected(source.port) as connection:
            answer = exchange(connection, f"GET {path} HTTP/1.1\r\nHost: events.acme.com\r\n\r\n".encode())
        assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")
    first, second = (one.event for one in source.kept(2))
    assert (first.user_id, first.name) == (second.user_id, second.name) == ("u-1", "Email Opened")
    assert second.properties == {"subject": "Hello"}


@pytest.mark.parametrize("page", ["segment-mobile", "rudder-mobile"])
def test_the_addresses_given_to_mobile_sdks_are_served(site: Site, page: str) -> None:
    source = site.source("mobile")
    blocks = snippets(SOURCES / f"{page}.md", "kotlin", "swift", "java", "typescript")
    given = {pair for block in blocks for pair in GIVEN.findall(block.text)}
    assert given
    for option, address in given:
        suffix, fetched = MADE_OF[option]
        assert address.startswith("https://") == (option not in ("apiHost", "cdnHost"))
        path = re.sub(r"^(https://)?[^/]+", "", address) + suffix.replace("{key}", source.key)
        status, document = ask(source.port, source.key, path, None if fetched else MESSAGE)
        assert status == 200, path
        assert not fetched or any(holds(document, wanted) for wanted in documents(source.key)), document
    assert {one.event.kind for one in source.kept(1)} == {"track"}


MESSAGE = {"messageId": "once", "type": "track", "userId": "u-1", "event": "Opened"}


def documents(key: str) -> tuple[Any, ...]:
    """What Segment's and RudderStack's SDKs must find."""
    return (
        {"integrations": {"Segment.io": {"apiKey": key}}},
        {"source": {"enabled": True, "writeKey": key, "destinations": []}},
    )


def ask(port: int, key: str, path: str, message: dict[str, str] | None) -> tuple[int, Any]:
    """GET, or POST a batch of one message."""
    body = b"" if message is None else json.dumps({"batch": [message], "writeKey": key}).encode()
    basic = base64.b64encode(f"{key}:".encode()).decode()
    head = (
        f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: events.acme.com\r\n"
        f"Authorization: Basic {basic}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with connected(port) as connection:
        answer = exchange(connection, head.encode() + body)
    return answer.status, answer.json


def test_the_readme_followed_with_all_six_packages_delivers(
    sandbox: Running, arrive: Arrive, tmp_path: Path
) -> None:
    assert len(OF_THE_README) == 6
    world = World(tmp_path, sandbox.url, configured(sandbox.url))
    world.start()
    try:
        for number, snippet in enumerate(OF_THE_README):
            folder = tmp_path / str(number)
            folder.mkdir()
            text = Snippet(README, snippet.language, snippet.text.replace(ADDRESS, f"127.0.0.1:{world.port}"))
            if snippet.runs_in_a_page:
                visitor = arrive("")
                visitor.context.new_page().goto(text.put(folder, visitor.pages))
            else:
                text.run(folder)
        count = sum(len(snippet.calls) for snippet in OF_THE_README)
        wait_for(lambda: delivered(world) == count, 30, f"delivering {count} events")
    finally:
        world.close()


def delivered(world: World) -> int:
    """How many events Gainsight has, from all sources."""
    return sum(row["delivered"] for row in apart(world.status)["connections"])


def configured(sandbox: str) -> dict[str, Any]:
    """The README's configuration, with its variables set and Gainsight's address replaced."""
    (block,) = snippets(README, "yaml")
    document: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{(\w+)\}", r"\1", block.text))
    document["destinations"][0]["settings"]["api_url"] = sandbox
    return document
