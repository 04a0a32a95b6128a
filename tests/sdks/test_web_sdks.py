"""The unmodified web SDKs in Chromium: pages on one origin, gainstage on another."""

from typing import Any

import pytest

from tests.sdks.browser import CALLS_OF, SDKS, sent, taken
from tests.sdks.conftest import Arrive
from tests.sdks.proxy import LoseAnswer, PassOn, Refuse, ScriptedProxy
from tests.sdks.site import Kept, Site, Source

LIBRARIES = {
    "segment": "analytics.js",
    "snippet": "analytics.js",
    "rudder": "RudderLabs JavaScript SDK",
}
#: How each SDK is told to batch, and longer than any test takes.
BATCHING: dict[str, dict[str, Any]] = {
    "segment": {"deliveryStrategy": {"strategy": "batching", "config": {"size": 100, "timeout": 600_000}}},
    "rudder": {"queueOptions": {"batch": {"enabled": True, "maxItems": 100, "flushInterval": 600_000}}},
}
BEACON = {"useBeacon": True, "beaconQueueOptions": {"maxItems": 100, "flushQueueInterval": 600_000}}


@pytest.fixture(params=SDKS)
def sdk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def event_of(kind: str, kept: list[Kept]) -> Any:
    (found,) = [one.event for one in kept if one.event.kind == kind]
    return found


def assert_whole(source: Source, sdk: str) -> None:
    """Every call is in the ledger once, with all that the page gave."""
    kinds = CALLS_OF[sdk]
    kept = source.kept(len(kinds))
    assert sorted(one.event.kind for one in kept) == sorted(kinds)
    identify, track, group, page, alias = (event_of(kind, kept) for kind in kinds[:5])
    assert identify.user_id == "ann"
    assert identify.traits == {"email": "ann@acme.com", "name": "Ann Ö"}
    given = {"pages": 3} if sdk == "rudder" else {"pages": 3, "format": None}  # it leaves nulls out
    assert (track.name, track.properties) == ("Report Exported", given)
    assert (group.group_id, group.traits) == ("acme", {"name": "Acme", "employees": 40})
    assert (page.name, page.properties["plan"]) == ("Home", "pro")
    assert page.properties["url"].startswith("http://localhost:")
    named = "ann-2" if sdk == "rudder" else "ann"  # analytics.js names the user whom it knows
    assert (alias.user_id, alias.previous_id) == (named, "ann")
    for one in kept:
        assert one.event.context["library"]["name"] == LIBRARIES[sdk]
        assert one.event.context["page"]["title"] == "Acme"
        assert abs(one.event.time_us - one.event.received_us) < 60_000_000
        assert one.event.notes == ()
        assert "writeKey" not in one.event.message


def tries_of(proxy: ScriptedProxy) -> dict[str, list[tuple[int, float]]]:
    """The status and the moment of every try, by message id."""
    tries: dict[str, list[tuple[int, float]]] = {}
    for one in proxy.events:
        tries.setdefault(one.json["messageId"], []).append((one.status, one.at))
    return tries


def test_every_call_of_a_page_is_in_the_ledger_once_with_its_traits(
    site: Site, arrive: Arrive, sdk: str
) -> None:
    source = site.source("web")
    with source.behind() as proxy:
        sent(source, arrive(sdk), proxy)
        asked = {(one.method, one.path.split("?")[0]) for one in proxy.passed}
    assert_whole(source, sdk)
    assert any(method == "OPTIONS" for method, _ in asked)
    assert ("GET", "/sourceConfig/" if sdk == "rudder" else f"/v1/projects/{source.key}/settings") in asked
    delivered = source.delivered("identify", len(CALLS_OF[sdk]))
    assert "ann@acme.com" in str(delivered["destinations"][0]["attempts"][0]["request"])


def test_a_500_is_repeated_and_nothing_is_lost(site: Site, arrive: Arrive, sdk: str) -> None:
    source = site.source("web")
    with source.behind(Refuse(500)) as proxy:
        sent(source, arrive(sdk), proxy)
        assert sorted(len(tries) for tries in tries_of(proxy).values())[-1] == 2
    assert_whole(source, sdk)


def test_a_429_is_repeated_and_its_wait_obeyed_where_the_sdk_reads_it(
    site: Site, arrive: Arrive, sdk: str
) -> None:
    source = site.source("web")
    with source.behind(Refuse(429, {"Retry-After": "2", "X-RateLimit-Reset": "2"})) as proxy:
        sent(source, arrive(sdk), proxy)
        (refused, taken_at) = next(tries for tries in tries_of(proxy).values() if len(tries) == 2)
    assert (refused[0], taken_at[0]) == (429, 200)
    assert taken_at[1] - refused[1] >= 1.99 or sdk == "rudder"  # which goes by its own back-off
    assert_whole(source, sdk)


def test_a_lost_answer_neither_loses_nor_doubles_an_event(site: Site, arrive: Arrive, sdk: str) -> None:
    source = site.source("web")
    with source.behind(LoseAnswer()) as proxy:
        visitor = arrive(sdk)
        with visitor.visit(proxy.address, source.key) as page:
            page.evaluate("sendKinds()")
            proxy.wait_for(taken(len(CALLS_OF[sdk]) + 1))
    assert_whole(source, sdk)
    assert source.counts()["duplicates"] == 1


def test_a_page_that_is_closed_sends_the_batch_that_is_pending(site: Site, arrive: Arrive) -> None:
    source = site.source("web")
    with source.behind() as proxy:
        with arrive("segment").visit(proxy.address, source.key, BATCHING["segment"]) as page:
            page.evaluate("sendKinds()")
            page.wait_for_function("window.started")
            assert proxy.events == []
        proxy.wait_for(taken(1))
    assert_whole(source, "segment")


def test_what_a_closed_page_could_not_send_is_sent_from_the_next_one(site: Site, arrive: Arrive) -> None:
    source, visitor = site.source("web"), arrive("rudder")
    with source.behind() as proxy:
        with visitor.visit(proxy.address, source.key, BATCHING["rudder"]) as page:
            page.evaluate("sendKinds()")
            page.wait_for_function("window.started")
            assert proxy.events == []
            page.goto("about:blank")  # its last request is not one that outlives the page
        with visitor.visit(proxy.address, source.key):
            proxy.wait_for(taken(1))
    assert_whole(source, "rudder")


def test_a_beacon_carries_what_is_pending_when_the_page_is_closed(site: Site, arrive: Arrive) -> None:
    source = site.source("web")
    with source.behind() as proxy:
        with arrive("rudder").visit(proxy.address, source.key, BEACON) as page:
            page.evaluate("sendKinds()")
            page.wait_for_function("window.started")
            assert proxy.events == []
        (one,) = proxy.wait_for(taken(1))
    assert one.path.startswith("/beacon/v1/batch?writeKey=")
    assert_whole(source, "rudder")


@pytest.mark.parametrize(("sdk", "status"), [("segment", 429), ("snippet", 503), ("rudder", 503)])
def test_what_an_overload_kept_back_is_sent_from_the_next_page(
    site: Site, arrive: Arrive, sdk: str, status: int
) -> None:
    source, visitor = site.source("web"), arrive(sdk)
    with source.behind(otherwise=Refuse(status, {"Retry-After": "1"})) as proxy:
        with visitor.visit(proxy.address, source.key) as page:
            page.evaluate("sendKinds()")
            proxy.wait_for(lambda passed: len({one.body for one in passed}) >= len(CALLS_OF[sdk]))
        assert source.counts()["received"] == 0
        proxy.otherwise = PassOn()
        with visitor.visit(proxy.address, source.key):
            proxy.wait_for(taken(len(CALLS_OF[sdk])))
    assert_whole(source, sdk)
