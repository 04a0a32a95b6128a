"""Faults on request: what they match, how often they fire, and what the caller sees."""

import time
from typing import Any

import httpx2
import pytest

from tests.sandbox.vendor import PEOPLE, Vendor, code


def names(vendor: Vendor) -> list[str]:
    return [person["Email"] for person in vendor.state()["cs"]["people"]]


def test_status_answers_as_told_and_does_nothing(vendor: Vendor) -> None:
    vendor.fault("status", status=429, headers={"Retry-After": "7"}, answer={"slow": "down"})
    response = vendor.person(Email="a@b.c")
    assert (response.status_code, response.headers["retry-after"], response.json()) == (
        429,
        "7",
        {"slow": "down"},
    )
    assert names(vendor) == []
    assert vendor.person(Email="a@b.c").status_code == 200


@pytest.mark.parametrize(("status", "wanted"), [(500, "GU_1101"), (429, "GU_2400"), (418, None)])
def test_status_without_an_answer_looks_like_the_vendors(vendor: Vendor, status: int, wanted: Any) -> None:
    vendor.fault("status", status=status)
    assert code(vendor.person(Email="a@b.c")) == (status, wanted)
    vendor.fault("status", status=503)
    assert vendor.user().json()["externalapierror"]["status"] == "STATUS_503"
    vendor.fault("status", status=503)
    assert vendor.clickstream({"type": "track"}).json()["success"] is False


def test_status_may_come_after_the_work(vendor: Vendor) -> None:
    vendor.fault("status", status=500, processed=True)
    assert vendor.person(Email="a@b.c").status_code == 500
    assert names(vendor) == ["a@b.c"]


def test_a_text_answer_may_have_any_content_type(vendor: Vendor) -> None:
    vendor.fault("status", status=502, answer="<h1>Bad</h1>", headers={"Content-Type": "text/html"})
    response = vendor.person(Email="a@b.c")
    assert (response.text, response.headers["content-type"]) == ("<h1>Bad</h1>", "text/html")


def test_html_and_empty_body(vendor: Vendor) -> None:
    vendor.fault("html")
    vendor.fault("empty_body", status=202)
    page, empty = vendor.person(Email="a@b.c"), vendor.person(Email="a@b.c")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (empty.status_code, empty.content) == (202, b"")
    assert names(vendor) == []


@pytest.mark.parametrize("failures", ["400", "200"])
def test_a_wordless_success_takes_the_place_of_success_only(vendor: Vendor, failures: str) -> None:
    """Else nobody could tell that what was refused is not there."""
    vendor.control("POST", "behaviour", {"cs_failure_status": failures})
    vendor.fault("empty_body", times=2, processed=True)
    refused, taken = vendor.person(Name="Nobody"), vendor.person(Email="a@b.c")
    assert (refused.status_code, refused.json()["result"]) == (int(failures), False)
    assert (taken.status_code, taken.content) == (200, b"")
    vendor.fault("empty_body", status=503, processed=True)
    assert vendor.person(Name="Nobody").content == b""
    assert names(vendor) == ["a@b.c"]


def test_delay_waits_and_then_answers(vendor: Vendor) -> None:
    vendor.fault("delay", seconds=0.2)
    before = time.monotonic()
    assert vendor.person(Email="a@b.c").status_code == 200
    assert time.monotonic() - before >= 0.2


@pytest.mark.parametrize(
    ("fault", "done"), [("reset", []), ("lost_answer", ["a@b.c"]), ("cut_body", ["a@b.c"])]
)
def test_a_cut_connection_raises_and_the_next_call_works(vendor: Vendor, fault: str, done: list[str]) -> None:
    vendor.fault(fault)
    with pytest.raises(httpx2.TransportError):
        vendor.person(Email="a@b.c")
    assert names(vendor) == done
    (entry,) = vendor.control("GET", "requests?api=cs")
    assert (entry["status"], entry["response"], entry["fault"]) == (None, None, fault)
    assert vendor.person(Email="b@b.c").status_code == 200


@pytest.mark.parametrize("processed", [False, True])
def test_hang_says_nothing_until_the_caller_gives_up(vendor: Vendor, processed: bool) -> None:
    vendor.fault("hang", seconds=60, processed=processed)
    with pytest.raises(httpx2.ReadTimeout):
        vendor.client.put(PEOPLE, json={"Email": "a@b.c"}, headers={"Accesskey": "k"}, timeout=0.2)
    assert names(vendor) == (["a@b.c"] if processed else [])


def test_hang_ends_with_a_cut_connection(vendor: Vendor) -> None:
    vendor.fault("hang", seconds=0.05)
    with pytest.raises(httpx2.RemoteProtocolError):
        vendor.person(Email="a@b.c")


@pytest.mark.parametrize(
    ("rule", "hit"),
    [
        ({"api": "cs"}, True),
        ({"api": "px"}, False),
        ({"method": "put"}, True),
        ({"method": "POST"}, False),
        ({"path": "/v1.0/api/*"}, True),
        ({"path": "*/people"}, True),
        ({"path": "/v1/users/*"}, False),
        ({"contains": "a@b.c"}, True),
        ({"contains": "nobody"}, False),
        ({"api": "cs", "contains": "nobody"}, False),
    ],
)
def test_a_rule_matches_by_api_method_path_and_body(vendor: Vendor, rule: dict[str, Any], hit: bool) -> None:
    vendor.fault("status", status=500, **rule)
    assert vendor.person(Email="a@b.c").status_code == (500 if hit else 200)


def test_times_skip_and_null_for_ever(vendor: Vendor) -> None:
    vendor.fault("status", status=500, times=2, skip=1)
    assert [vendor.person(Email="a@b.c").status_code for _ in range(4)] == [200, 500, 500, 200]
    (rule,) = vendor.control("GET", "faults")
    assert (rule["matched"], rule["fired"]) == (3, 2)
    vendor.fault("status", status=503, times=None)
    assert [vendor.person(Email="a@b.c").status_code for _ in range(3)] == [503] * 3
    assert vendor.control("DELETE", "faults") == []
    assert vendor.person(Email="a@b.c").status_code == 200


def test_probability_repeats_with_its_seed(vendor: Vendor) -> None:
    runs = []
    for _ in range(2):
        vendor.control("DELETE", "faults")
        vendor.fault("status", status=500, times=None, probability=0.5, seed=7)
        runs.append([vendor.query().status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


def test_the_first_rule_that_applies_wins(vendor: Vendor) -> None:
    rules = [{"fault": "status", "status": 500}, {"fault": "status", "status": 503}]
    assert len(vendor.control("POST", "faults", {"rules": rules})) == 2
    assert [vendor.query().status_code for _ in range(3)] == [500, 503, 200]


@pytest.mark.parametrize(
    "rule",
    [
        "reset",
        {},
        {"fault": "explode"},
        {"fault": "reset", "colour": "red"},
        {"fault": "status"},
        {"fault": "status", "status": 700},
        {"fault": "status", "status": True},
        {"fault": "delay"},
        {"fault": "delay", "seconds": 1e9},
        {"fault": "reset", "api": "segment"},
        {"fault": "reset", "times": 0},
        {"fault": "reset", "skip": -1},
        {"fault": "reset", "probability": 2},
        {"fault": "reset", "processed": True},
        {"fault": "reset", "method": 5},
        {"fault": "html", "headers": {"a": "b\r\nc: d"}},
        {"fault": "html", "headers": {"a b": "c"}},
    ],
)
def test_a_bad_rule_is_refused_with_one_sentence(vendor: Vendor, rule: Any) -> None:
    response = vendor.client.post("/__sandbox__/faults", json=[{"fault": "reset"}, rule])
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")
    assert vendor.control("GET", "faults") == []
