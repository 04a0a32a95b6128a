"""A server that has no room for more: the SDKs' own retries bring every event once there is some again."""

import base64
import contextlib
import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gainstage_sandbox import Running
from tests.integration.disks import fill, memory_disk
from tests.messages import track
from tests.sdks.browser import CALLS_OF, taken
from tests.sdks.conftest import Arrive
from tests.sdks.servers import Job
from tests.sdks.site import Site, Source, apart
from tests.world import answer_status, fetch, wait_for

#: So many may wait.
LIMIT = 40
TRACKS = 30
#: RudderStack's SDK for Node repeats a request three times and then drops it, unless it is told otherwise.
PATIENT = {"rudder-node": {"retryCount": 20}}

MakeSite = Callable[..., Site]


@pytest.fixture(params=["python", "node"])
def sdks(request: pytest.FixtureRequest) -> list[str]:
    """Segment's and RudderStack's SDK for one language."""
    if request.param == "node":
        request.getfixturevalue("node")
    return [f"segment-{request.param}", f"rudder-{request.param}"]


@pytest.fixture
def make_site(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeSite]:
    """A running server with these limits; with a size it has a disk of its own."""
    with contextlib.ExitStack() as stack:

        def make(disk: str = "", **limits: Any) -> Site:
            site = Site(tmp_path_factory.mktemp("site"), sandbox.url, limits={"retry_after": "1s", **limits})
            if disk and not stack.enter_context(memory_disk(site.world.data, disk)):
                pytest.skip("a disk of its own: run as root, where one in memory can be mounted")
            stack.callback(site.world.close)
            site.world.start()
            return site

        yield make


@pytest.fixture(scope="module")
def limited(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server at which few events may wait."""
    limits = {"waiting_events": LIMIT, "retry_after": "1s"}
    site = Site(tmp_path_factory.mktemp("limited"), sandbox.url, limits=limits)
    site.world.start()
    try:
        yield site
        site.world.stop()
    finally:
        site.world.close()


@pytest.fixture
def crowded(limited: Site) -> Site:
    """The server, with more that waits than may, since its destination is paused."""
    apart(lambda: limited.pause(True))
    wait_for(lambda: apart(limited.world.status)["blocked"], what="the pause")
    assert send(limited.source(), *(track("u1", n=number) for number in range(LIMIT + 10))) == 200
    wait_for(lambda: "waiting_events" in problems(limited), what="the refusal of more")
    return limited


def send(source: Source, *messages: object) -> int:
    """Post a batch by hand."""
    credentials = base64.b64encode(f"{source.key}:".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    body = json.dumps({"batch": messages}).encode()
    return answer_status(urllib.request.Request(f"{source.address}/v1/batch", body, headers), 10)


def problems(site: Site) -> object:
    """What keeps the server from being ready."""
    return fetch(f"{site.world.address}/health").get("problems", {})


def turned_away(site: Site, source: Source, code: str) -> bool:
    """Whether a request of the source was refused with this code."""
    return f'code="{code}",source="{source.name}"' in apart(lambda: fetch(f"{site.world.address}/metrics"))


def send_through(
    site: Site, sdks: list[str], relieve: Callable[[], object], code: str = "overloaded"
) -> None:
    """Have SDKs send to a server that takes nothing, and once each was refused make it take events again:
    each event is kept, once.
    """
    sources = {name: site.source() for name in sdks}
    jobs = [Job(name, tracks=TRACKS, options=PATIENT.get(name, {})) for name in sdks]
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(job.run, site.world.address, sources[job.sdk].key) for job in jobs]
        for source in sources.values():
            wait_for(lambda source=source: turned_away(site, source, code), what="a refusal")
        assert [source.counts()["received"] for source in sources.values()] == [0, 0]
        relieve()
        assert [one.result() for one in running] == ["", ""]
    for source in sources.values():
        kept = source.kept(TRACKS)
        assert sorted(one.event.properties["number"] for one in kept) == list(range(TRACKS))
        assert source.counts()["duplicates"] == 0
    assert wait_for(lambda: apart(lambda: is_ready(site)), what="a server that is ready")


def is_ready(site: Site) -> bool:
    with contextlib.suppress(OSError):
        return bool(fetch(f"{site.world.address}/ready")["status"] == "ready")
    return False


def test_nothing_is_lost_while_a_server_has_no_room(crowded: Site, sdks: list[str]) -> None:
    send_through(crowded, sdks, lambda: crowded.pause(False))


def test_nothing_is_lost_while_a_disk_is_nearly_full(make_site: MakeSite, sdks: list[str]) -> None:
    site = make_site(disk="64m", free_disk="32MB")
    ballast = site.world.data / "ballast"
    ballast.write_bytes(bytes(40 * 1024 * 1024))
    wait_for(lambda: "free_disk" in problems(site), what="the refusal of more")
    send_through(site, sdks, ballast.unlink)


def test_nothing_is_lost_while_a_disk_takes_nothing(make_site: MakeSite, sdks: list[str]) -> None:
    site = make_site(disk="24m", free_disk=0)
    ballast = site.world.data / "ballast"
    fill(ballast)
    send_through(site, sdks, ballast.unlink, code="unavailable")


def test_nothing_is_lost_while_delivery_is_behind(make_site: MakeSite, sdks: list[str]) -> None:
    site = make_site(unrouted_messages=LIMIT)
    delivery = wait_for(site.world.delivery_pid)
    assert delivery is not None
    os.kill(delivery, signal.SIGSTOP)
    try:
        assert send(site.source(), *(track("u1", n=number) for number in range(LIMIT + 10))) == 200
        wait_for(lambda: "unrouted_messages" in problems(site), what="the refusal of more")
        send_through(site, sdks, lambda: os.kill(delivery, signal.SIGCONT))
    finally:
        os.kill(delivery, signal.SIGCONT)


@pytest.mark.parametrize("sdk", ["segment", "rudder"])
def test_a_page_that_stays_sends_what_it_was_asked_to_keep(crowded: Site, arrive: Arrive, sdk: str) -> None:
    source = crowded.source("web")
    with source.behind() as proxy, arrive(sdk).visit(proxy.address, source.key) as page:
        page.evaluate("sendKinds()")
        proxy.wait_for(lambda passed: len({one.body for one in passed}) >= len(CALLS_OF[sdk]))
        assert {one.status for one in proxy.events} == {429}
        apart(lambda: crowded.pause(False))
        proxy.wait_for(taken(len(CALLS_OF[sdk])))
    kinds = [one.event.kind for one in source.kept(len(CALLS_OF[sdk]))]
    assert sorted(kinds) == sorted(CALLS_OF[sdk])
