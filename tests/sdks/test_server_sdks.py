"""The unmodified server SDKs of Segment and RudderStack, for Python and Node, against a running gainstage."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sdks.proxy import LoseAnswer, Refuse
from tests.sdks.servers import CALLS, NODE, PYTHON, Job, Ran, run
from tests.sdks.site import Kept, Site

PAIRS = {"python": PYTHON, "node": NODE}
#: Segment's SDKs repeat a request ten times when no wait is named.
LONG = 11
WAIT = {"Retry-After": "1"}
LIBRARIES = {
    "segment-python": "analytics-python",
    "rudder-python": "analytics-python",
    "segment-node": "@segment/analytics-node",
    "rudder-node": "analytics-node",
}


@pytest.fixture(params=PAIRS)
def sdks(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Segment's and RudderStack's SDK for one language; they run at the same time."""
    if request.param == "node":
        request.getfixturevalue("node")
    return PAIRS[request.param]


def event_of(kind: str, kept: list[Kept]) -> Any:
    (found,) = [one.event for one in kept if one.event.kind == kind]
    return found


def assert_whole(ran: Ran) -> None:
    """Every call is in the ledger once, with all that the application gave."""
    kept = ran.source.kept(len(CALLS))
    assert ran.failed == ""
    assert sorted(one.event.kind for one in kept) == sorted(CALLS)
    identify, track, group, page, screen, alias = (event_of(kind, kept) for kind in CALLS)
    assert identify.user_id == "ann"
    assert identify.traits == {"email": "ann@acme.com", "name": "Ann Ö"}
    assert (track.name, track.properties) == ("Report Exported", {"pages": 3, "format": None})
    assert (group.group_id, group.traits) == ("acme", {"name": "Acme", "employees": 40})
    assert (page.name, page.properties["url"]) == ("Home", "https://acme.com/")
    assert screen.name == "Start"
    assert (alias.user_id, alias.previous_id) == ("ann", "anonymous-1")
    for one in kept:
        assert one.event.context["library"]["name"] == LIBRARIES[ran.job.sdk]
        assert "ip" not in one.event.context
        assert abs(one.event.time_us - one.event.received_us) < 60_000_000
        assert one.event.notes == ()
        assert "writeKey" not in one.event.message


def numbers(ran: Ran) -> list[int]:
    """The numbers of the tracks that the ledger has, each once."""
    return sorted(one.event.properties["number"] for one in ran.source.kept(ran.job.tracks))


def test_every_call_of_an_sdk_is_in_the_ledger_once_with_its_traits(
    site: Site, sdks: tuple[str, ...]
) -> None:
    for ran in run(site, [Job(sdk) for sdk in sdks]):
        assert_whole(ran)
        sent = ran.source.delivered("identify", len(CALLS))
        (attempt,) = sent["destinations"][0]["attempts"]
        assert "ann@acme.com" in str(attempt["request"])


@pytest.mark.parametrize("sdk", ["segment-python", "rudder-python", "rudder-node"])
def test_the_form_of_the_body_that_is_not_the_default_arrives_whole_too(
    site: Site, sdk: str, request: pytest.FixtureRequest
) -> None:
    if sdk in NODE:
        request.getfixturevalue("node")
    compressed = sdk == "segment-python"
    (ran,) = run(site, [Job(sdk, options={"gzip": compressed})])
    assert_whole(ran)
    assert all(("Content-Encoding" in one.headers) == compressed for one in ran.proxy.events)


def test_a_500_is_repeated_and_nothing_is_lost(site: Site, sdks: tuple[str, ...]) -> None:
    for ran in run(site, [Job(sdk) for sdk in sdks], Refuse(500)):
        assert_whole(ran)
        assert [one.status for one in ran.proxy.events][:2] == [500, 200]


def test_a_429_is_repeated_and_its_wait_obeyed_where_the_sdk_reads_it(
    site: Site, sdks: tuple[str, ...]
) -> None:
    for ran in run(site, [Job(sdk) for sdk in sdks], Refuse(429, WAIT)):
        assert_whole(ran)
        refused, taken = ran.proxy.events[:2]
        assert (refused.status, taken.status) == (429, 200)
        assert taken.at - refused.at >= 0.99 or ran.job.sdk == "rudder-python"  # which does not read it


def test_a_lost_answer_neither_loses_nor_doubles_an_event(site: Site, sdks: tuple[str, ...]) -> None:
    for ran in run(site, [Job(sdk) for sdk in sdks], LoseAnswer()):
        assert_whole(ran)
        assert ran.source.counts()["duplicates"] == len(ran.proxy.events[0].json["batch"])


def test_a_flush_before_the_end_sends_what_is_pending(site: Site, sdks: tuple[str, ...]) -> None:
    for ran in run(site, [Job(sdk, tracks=120) for sdk in sdks]):
        assert numbers(ran) == list(range(120))
        assert len(ran.proxy.events) > 1


def test_a_process_that_comes_to_its_end_sends_the_batch_that_is_pending(
    site: Site, sdks: tuple[str, ...]
) -> None:
    options = {"segment-node": {"flushInterval": 200}, "rudder-node": {"flushInterval": 200}}
    for ran in run(site, [Job(sdk, leaves=True, options=options.get(sdk, {})) for sdk in sdks]):
        assert_whole(ran)


def test_a_long_overload_that_names_a_wait_loses_nothing_of_an_sdk_that_obeys(
    site: Site, sdks: tuple[str, ...]
) -> None:
    segment = next(sdk for sdk in sdks if sdk.startswith("segment"))
    statuses = (
        [429, 503] if segment == "segment-python" else [429]
    )  # for a 503 the one for Node reads no wait
    with ThreadPoolExecutor(len(statuses)) as pool:
        every = list(pool.map(lambda status: run(site, [Job(segment)], *overload(status)), statuses))
    for status, (ran,) in zip(statuses, every, strict=True):
        assert_whole(ran)
        assert [one.status for one in ran.proxy.events][: LONG + 1] == [status] * LONG + [200]


def test_a_rate_limit_slows_an_sdk_down_and_loses_nothing(site: Site, sdks: tuple[str, ...]) -> None:
    patient = {"rudder-node": {"retryCount": 10}}
    jobs = [Job(sdk, tracks=120, options=patient.get(sdk, {})) for sdk in sdks]
    for ran in run(site, jobs, kind="limited"):
        assert numbers(ran) == list(range(120))
        assert 429 in [one.status for one in ran.proxy.events]


def overload(status: int) -> list[Refuse]:
    """More refusals than an SDK would repeat a request after by itself."""
    return [Refuse(status, WAIT)] * LONG


@pytest.mark.parametrize(
    ("sdk", "options", "tries"),
    [
        ("segment-python", {"max_retries": 2}, 3),
        ("rudder-python", {"max_retries": 2}, 3),
        ("segment-node", {"maxRetries": 1}, 2),
        ("rudder-node", {}, 4),
    ],
)
def test_an_sdk_that_gives_up_tells_the_application_and_drops_the_batch(
    site: Site, sdk: str, options: dict[str, Any], tries: int, request: pytest.FixtureRequest
) -> None:
    if sdk in NODE:
        request.getfixturevalue("node")
    (ran,) = run(site, [Job(sdk, tracks=1, options=options)], otherwise=Refuse(503))
    assert ran.failed != ""
    assert len(ran.proxy.events) == tries
    assert ran.source.kept(0) == []
