"""A server that has no room for more: the SDKs' own retries bring every event once there is some again."""

import base64
import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gainstage_sandbox import Running
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


def turned_away(site: Site, source: Source) -> bool:
    """Whether the source was asked to wait."""
    return f'code="overloaded",source="{source.name}"' in apart(
        lambda: fetch(f"{site.world.address}/metrics")
    )


@pytest.mark.parametrize("language", ["python", "node"])
def test_nothing_is_lost_while_a_server_has_no_room(
    crowded: Site, language: str, request: pytest.FixtureRequest
) -> None:
    if language == "node":
        request.getfixturevalue("node")
    names = [f"segment-{language}", f"rudder-{language}"]
    sources = {name: crowded.source() for name in names}
    jobs = [Job(name, tracks=TRACKS, options=PATIENT.get(name, {})) for name in names]
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(job.run, crowded.world.address, sources[job.sdk].key) for job in jobs]
        for source in sources.values():
            wait_for(lambda source=source: turned_away(crowded, source), what="a refusal")
        assert [source.counts()["received"] for source in sources.values()] == [0, 0]
        crowded.pause(False)
        assert [one.result() for one in running] == ["", ""]
    for source in sources.values():
        kept = source.kept(TRACKS)
        assert sorted(one.event.properties["number"] for one in kept) == list(range(TRACKS))
        assert source.counts()["duplicates"] == 0
    assert fetch(f"{crowded.world.address}/ready")["status"] == "ready"


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
