"""People in bulk: accepted at once, processed later, errors by row, a quota of its own."""

from typing import Any
from unittest.mock import ANY

import pytest

from tests.sandbox.vendor import NEW_PEOPLE, Clock, Response, Vendor, code

ASYNC = NEW_PEOPLE + "/async"


def send(vendor: Vendor, *records: object) -> Response:
    return vendor.cs("PUT", ASYNC, {"records": list(records)})


def status(vendor: Vendor, accepted: Response) -> dict[str, Any]:
    found = vendor.cs("GET", f"{ASYNC}/{accepted.json()['data']['statusId']}").json()["data"]
    assert isinstance(found, dict)
    return found


def test_a_bulk_call_is_processed_row_by_row_after_its_time(vendor: Vendor, clock: Clock) -> None:
    vendor.set(cs_async_seconds=60)
    accepted = send(vendor, {"Email": "a@b.c"}, {"Email": "nobody"}, {"Email": "c@b.c"})
    assert status(vendor, accepted)["status"] == "INIT"
    clock.now += 40
    assert status(vendor, accepted)["status"] == "INPROGRESS"
    assert vendor.state()["cs"]["people"] == []
    clock.now += 20
    done = status(vendor, accepted)
    assert (done["status"], done["successCount"], done["failedCount"]) == ("COMPLETED", 2, 1)
    (error,) = done["errors"]
    assert (error["rowNumber"], error["fieldName"], error["invalidValue"]) == (2, "Email", "nobody")
    assert error["errorCode"] == "GSOBJ_VDTEMAIL1001"
    assert [person["Email"] for person in vendor.state()["cs"]["people"]] == ["a@b.c", "c@b.c"]


def test_a_bulk_call_takes_at_most_50_and_at_least_one_record(vendor: Vendor) -> None:
    assert send(vendor, *({"Email": f"{n}@b.c"} for n in range(50))).status_code == 200
    assert send(vendor, *({"Email": f"{n}@b.c"} for n in range(51))).status_code == 400
    assert code(send(vendor)) == (400, "GSOBJ_VCRUDR1001")


def test_an_unknown_status_id_is_refused(vendor: Vendor) -> None:
    assert code(vendor.cs("GET", f"{ASYNC}/status/nothing")) == (400, "GSOBJ_1011")


def test_switch_cs_async_first_row(vendor: Vendor, clock: Clock) -> None:
    vendor.set(cs_async_first_row="0")
    accepted = send(vendor, {"Email": "nobody"})
    clock.now += 2
    assert status(vendor, accepted)["errors"][0]["rowNumber"] == 0


def test_ten_bulk_calls_an_hour(vendor: Vendor, clock: Clock) -> None:
    assert [send(vendor, {"Email": "a@b.c"}).status_code for _ in range(11)] == [200] * 10 + [429]
    assert vendor.person(Email="a@b.c").status_code == 200
    clock.now += 3600
    assert send(vendor, {"Email": "a@b.c"}).status_code == 200


def test_switch_cs_async_quota(vendor: Vendor) -> None:
    vendor.set(cs_async_quota="free")
    vendor.control("POST", "limits", {"cs": {"per_minute": 12}})
    assert [send(vendor, {"Email": "a@b.c"}).status_code for _ in range(13)] == [200] * 12 + [429]


def test_switch_cs_async_status_quota(vendor: Vendor) -> None:
    vendor.control("POST", "limits", {"cs": {"per_minute": 1}})
    accepted = send(vendor, {"Email": "a@b.c"})
    path = f"{ASYNC}/{accepted.json()['data']['statusId']}"
    assert [vendor.cs("GET", path).status_code for _ in range(2)] == [200, 429]
    vendor.set(cs_async_status_quota="free")
    assert vendor.cs("GET", path).status_code == 200


def test_switch_cs_async_service(vendor: Vendor) -> None:
    vendor.set(cs_async_service="gone")
    assert code(send(vendor, {"Email": "a@b.c"})) == (404, "GSOBJ_1023")


@pytest.mark.parametrize(
    ("form", "body"), [("people", {"people": [{"Email": "a@b.c"}]}), ("list", [{"Email": "a@b.c"}])]
)
def test_switch_cs_async_body(vendor: Vendor, form: str, body: Any) -> None:
    vendor.set(cs_async_body=form)
    assert send(vendor, {"Email": "a@b.c"}).status_code == 400
    assert vendor.cs("PUT", ASYNC, body).status_code == 200


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("object", {"statusId": ANY}),
        ("text", ANY),
        ("list", [{"statusId": ANY}]),
        ("without", None),
    ],
)
def test_switch_cs_async_reply(vendor: Vendor, form: str, data: Any) -> None:
    vendor.set(cs_async_reply=form)
    assert send(vendor, {"Email": "a@b.c"}).json()["data"] == data


def test_switch_cs_async_status_path(vendor: Vendor) -> None:
    status_id = send(vendor, {"Email": "a@b.c"}).json()["data"]["statusId"]
    paths = {"plain": f"{ASYNC}/{status_id}", "status": f"{ASYNC}/status/{status_id}"}
    for form, path in paths.items():
        vendor.set(cs_async_status_path=form)
        assert [vendor.cs("GET", other).status_code == 200 for other in paths.values()] == [
            other == path for other in paths.values()
        ]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("full", {"success", "errors", "rowNumber", "fieldName"}),
        ("errors", {"errors", "rowNumber", "fieldName"}),
        ("values", {"errors", "fieldName"}),
        ("numbers", {"errors", "rowNumber"}),
        ("counts", set()),
    ],
)
def test_switch_cs_async_report(vendor: Vendor, form: str, told: set[str]) -> None:
    vendor.set(cs_async_report=form, cs_async_seconds=0)
    found = status(vendor, send(vendor, {"Email": "a@b.c"}, {"Email": "nobody"}))
    names = found.keys() | {name for error in found.get("errors", []) for name in error}
    assert names & {"success", "errors", "rowNumber", "fieldName"} == told
    assert (found["successCount"], found["failedCount"]) == (1, 1)


def test_switch_cs_async_bad_row(vendor: Vendor) -> None:
    vendor.set(cs_async_bad_row="call", cs_async_seconds=0)
    assert code(send(vendor, {"Email": "a@b.c"}, {"Email": "nobody"})) == (400, "GSOBJ_VDTEMAIL1001")
    assert vendor.state()["cs"]["people"] == []


def test_switch_cs_async_over_limit(vendor: Vendor) -> None:
    vendor.set(cs_async_over_limit="400")
    vendor.control("POST", "limits", {"cs_async": {"per_hour": 0}})
    assert code(send(vendor, {"Email": "a@b.c"})) == (400, "GU_2400")
