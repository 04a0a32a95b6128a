"""Batches of companies: one set of fields a call, and as few calls as what is known already allows."""

import struct
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gainstage.destination import Request, Response, Work
from gainstage.destinations.gainsight_cs.records import RECORDS_A_CALL, Item, batches, calls
from gainstage.operation import Record
from gainstage.outcome import Delivered, Rejected
from gainstage.testing.driving import drive
from tests.destinations.sandboxed import CS

NAMES, VALUES = "abcd", (None, 0, 1, 2, 3)


def fields(number: int) -> dict[str, int]:
    """Some fields: each is absent or has one of the values."""
    chosen = ((name, VALUES[number // len(VALUES) ** n % len(VALUES)]) for n, name in enumerate(NAMES))
    return {name: value for name, value in chosen if value is not None}


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    """Known and new companies; each changes some fields and has others already."""
    found = []
    count = draw(st.integers(1, 130))
    # All of them in one piece: to draw each part of each item costs ten times what is tested here.
    drawn = draw(st.binary(min_size=5 * count, max_size=5 * count))
    for place in range(count):
        change, knowledge, recognised = struct.unpack_from(">HHB", drawn, 5 * place)
        changed, known = fields(change), fields(knowledge)
        gsid = f"G{place}" if recognised % 6 else ""
        key = {"Gsid": gsid} if gsid else {"Name": f"N{place}"}
        confirmed = {name: value for name, value in known.items() if name not in changed} if gsid else {}
        found.append(Item(place, f"N{place}", gsid, {**key, **changed}, confirmed=confirmed))
    return found


@given(given_items=items())
def test_every_item_goes_once_with_its_changes_and_nothing_but_what_is_known_beside(
    given_items: list[Item],
) -> None:
    made = list(batches(given_items))
    by_place = {item.place: item for item in given_items}
    assert sorted(item.place for batch in made for item in batch) == sorted(by_place)
    for batch in made:
        assert 0 < len(batch) <= RECORDS_A_CALL
        assert len({(bool(item.gsid), *sorted(item.body)) for item in batch}) == 1, "one set of fields"
        for item in batch:
            asked = by_place[item.place]
            assert asked.body.items() <= item.body.items()
            assert {
                n: item.body[n] for n in item.body.keys() - asked.body.keys()
            }.items() <= asked.confirmed.items()


@given(given_items=items())
def test_never_more_calls_than_one_for_each_set_of_fields(given_items: list[Item]) -> None:
    shapes: dict[tuple[str, ...], int] = {}
    for item in given_items:
        shape = tuple(sorted(item.body))
        shapes[shape] = shapes.get(shape, 0) + 1
    assert len(list(batches(given_items))) <= sum(map(calls, shapes.values()))


def test_companies_whose_changes_differ_share_a_call_where_the_rest_is_known_and_may_be_written() -> None:
    known = {"Name": "x", "Employees": 1, "Industry": "Tools", "Arr": 5, "Csm": "1P01A"}
    configured = CS.settings(domain="acme", access_key="key", field_rules={"Arr": "never"})

    def vendor(request: Request) -> Response:
        return Response(200, {}, b'{"result":true,"data":{"count":%d,"records":null}}' % len(request.works))

    def bodies(*changes: dict[str, Any]) -> list[bytes]:
        works = [
            Work("upsert", Record("company", f"name:{n}"), change, {**known, **change}, {"gsid": f"G{n}"})
            for n, change in enumerate(changes)
        ]
        return [request.body for request in drive(CS, configured, works, vendor).requests]

    (body,) = bodies({"Employees": 2}, {"Industry": "Toys"}, {"Employees": 3, "Industry": "Food"})
    assert b'"Employees":1' in body and b'"Industry":"Tools"' in body
    assert b"Arr" not in body and b"Csm" not in body and b"Name" not in body
    assert len(bodies({"Employees": 2}, {"Summary": "unlike the others"})) == 2, (
        "nobody knows the other's summary"
    )


def test_no_event_fails_for_a_value_that_only_went_along() -> None:
    """The field Industry was taken away at Gainsight since its values were confirmed."""
    configured = CS.settings(domain="acme", access_key="key")
    known = {"Employees": 1, "Summary": "s", "Industry": "Tools"}
    changes = [{"Employees": 2}, {"Summary": "t"}, {"Industry": "Toys"}]
    works = [
        Work("upsert", Record("company", f"name:{n}"), change, {**known, **change}, {"gsid": f"G{n}"})
        for n, change in enumerate(changes)
    ]

    def vendor(request: Request) -> Response:
        if b"Industry" in request.body:
            error = b'{"errorMessage":"No such field","errorCode":"GSOBJ_VCRUDR1002","fieldName":"Industry"}'
            data = b'{"count":0,"records":null,"errors":[[{"success":false,"errors":[%s]}]]}' % error
            return Response(400, {}, b'{"result":false,"errorCode":"GSOBJ_VCRUDR1002","data":%s}' % data)
        return Response(200, {}, b'{"result":true,"data":{"count":%d,"records":null}}' % len(request.works))

    driven = drive(CS, configured, works, vendor)
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered, Delivered, Rejected]


@settings(deadline=None, max_examples=60)
@given(bad=st.sets(st.integers(0, 29), max_size=3), named=st.booleans())
def test_calls_have_one_set_of_fields_also_while_bad_records_are_sought(bad: set[int], named: bool) -> None:
    configured = CS.settings(domain="acme", access_key="key")
    names = ("Employees", "Summary", "Users")
    known = {"Employees": 1, "Summary": "s", "Users": 1}
    works = [
        Work("upsert", Record("company", f"name:{n}"), change, {**known, **change}, {"gsid": f"G{n}"})
        for n in range(30)
        for change in [{names[n % 3]: f"bad {n}" if n in bad else 7}]
    ]

    def vendor(request: Request) -> Response:
        records = msgspec.json.decode(request.body)["records"]
        assert len({tuple(sorted(record)) for record in records}) == 1
        wrong = [(k, v) for record in records for k, v in record.items() if str(v).startswith("bad")]
        if wrong:
            error = {"fieldName": wrong[0][0], "invalidValue": wrong[0][1], "errorCode": "GSOBJ_1008"}
            data = {"errors": [[{"errors": [error]}]]} if named else None
            answer = {"result": False, "errorCode": "GSOBJ_1008", "data": data}
            return Response(400, {}, msgspec.json.encode(answer))
        return Response(200, {}, b'{"result":true,"data":{"count":%d,"records":null}}' % len(records))

    driven = drive(CS, configured, works, vendor)
    assert {n for n, outcome in enumerate(driven.outcomes) if not isinstance(outcome, Delivered)} == bad
