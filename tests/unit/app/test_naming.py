"""The names of events: what each destination makes of them, what is odd about them, and that it is told."""

import os
from pathlib import Path
from typing import Any

import pytest

from gainstage import app
from gainstage.app.naming import made_of
from gainstage.app.remarks import findings_of, status_of
from gainstage.app.spelling import RECENT_US, differing, notes_of
from gainstage.configuration import load
from gainstage.connection import Configuration
from gainstage.errors import UnknownSource
from gainstage.store.store import Store
from gainstage.testing.driving import event_of
from tests.unit.app.conftest import Written

NOW_US = 1_767_268_800_000_000
WHICH, COUNTS = "which turns nothing on or off: the name is", "and letter case and blanks count."


@pytest.fixture
def data(tmp_path: Path, written: Written) -> Path:
    """A data folder whose source `app` feeds all three destinations."""
    file = written(
        "clickstream", "cs", "px", sources=("app", "web"), clickstream={"track_events": ["Signed Up"]}
    )
    app.apply(tmp_path / "data", file)
    return tmp_path / "data"


def configuration(data: Path) -> Configuration:
    return load(data.parent / "gainstage.yaml", os.environ).configuration


def count(
    data: Path, *names: str, source: str = "app", keys: Any = (), at_us: int = NOW_US, kind: str = "track"
) -> None:
    """Count an event of each name."""
    store = Store(data)
    with store.transaction() as transaction:
        number = transaction.names.source(source)
        for name in names:
            transaction.vocabulary.count(number, kind, name, keys, at_us)
    store.close()


def miss(data: Path, key: str, meant: str, source: str = "app", at_us: int = NOW_US) -> None:
    store = Store(data)
    with store.transaction() as transaction:
        transaction.vocabulary.count_miss(transaction.names.source(source), key, meant, at_us)
    store.close()


def take(data: Path, names: int, most: int) -> None:
    """Let the tenant of `px` have so many names of at most `most`."""
    tenant = configuration(data).destinations["px"].tenant
    store = Store(data)
    with store.transaction() as transaction:
        number = transaction.names.tenant(tenant)
        transaction.vocabulary.limit([(number, most)])
        assert all(transaction.vocabulary.admit(number, f"Name {one}", most) for one in range(names))
    store.close()


def findings(data: Path, name: str, now_us: int = NOW_US) -> list[tuple[str, str]]:
    store = Store(data)
    with store.reading() as reading:
        found = findings_of(reading, configuration(data).destinations[name], now_us)
    store.close()
    assert {one.level for one in found} <= {"warning"}
    return [(one.setting, one.message) for one in found]


def status(data: Path, now_us: int = NOW_US) -> dict[str, Any]:
    store = Store(data)
    with store.reading() as reading:
        found = status_of(reading, now_us)
    store.close()
    return found


@pytest.mark.parametrize(
    ("kind", "name", "verdicts"),
    [
        ("track", "Signed Up", {"clickstream": "sent", "cs": "failed event_unmapped", "px": "sent"}),
        (
            "track", "signed up",
            {"clickstream": "filtered event_not_listed", "cs": "failed event_unmapped", "px": "sent"},
        ),
        (
            "track", "Order Completed",
            {"clickstream": "filtered event_not_listed", "cs": "sent", "px": "sent"},
        ),
        (
            "page", "Pricing",
            {
                "clickstream": "filtered type_unsupported", "cs": "filtered type_unsupported",
                "px": "filtered type_not_selected",
            },
        ),
        (
            "screen", "",
            {
                "clickstream": "filtered type_unsupported", "cs": "filtered type_unsupported",
                "px": "filtered type_not_selected",
            },
        ),
    ],
)  # fmt: skip
def test_each_destination_says_what_it_makes_of_a_name(
    data: Path, kind: str, name: str, verdicts: dict[str, str]
) -> None:
    found = [made_of(one, kind, name) for one in configuration(data).fed_by("app")]
    assert {one["destination"]: f"{one['outcome']} {one['reason']}".strip() for one in found} == verdicts
    assert all(one["detail"] for one in found if one["outcome"] != "sent")


def test_names_come_with_their_volumes_keys_and_destinations(data: Path) -> None:
    count(data, "Signed Up", "Signed Up", "Rare", keys=("plan", "Plan"), at_us=NOW_US)
    count(data, "Signed Up", keys=("plan",), source="web", at_us=NOW_US + 5_000_000)
    found = app.names(data)
    assert [(one["source"], one["name"], one["count"]) for one in found["names"]] == [
        ("app", "Signed Up", 2), ("app", "Rare", 1), ("web", "Signed Up", 1),
    ]  # fmt: skip
    first = found["names"][0]
    assert [(key["key"], key["count"]) for key in first["properties"]] == [("Plan", 2), ("plan", 2)]
    assert (first["type"], first["first_at"], first["other_properties"]) == (
        "track",
        "2026-01-01T12:00:00.000Z",
        0,
    )
    assert [one["destination"] for one in first["destinations"] if one["outcome"] == "sent"] == [
        "clickstream",
        "px",
    ]
    assert found["sources"] == [
        {"source": "app", "names": 2, "properties": 4, "other_events": 0},
        {"source": "web", "names": 1, "properties": 1, "other_events": 0},
    ]
    assert found["more"] == 0
    only = app.names(data, "web", 1)
    assert ([one["source"] for one in only["names"]], only["more"]) == (["web"], 0)
    cut = app.names(data, limit=1)
    assert (len(cut["names"]), cut["more"]) == (1, 2)


def test_a_source_that_is_not_there_is_named_with_those_that_are(data: Path) -> None:
    count(data, "Old", source="gone")
    assert app.names(data, "gone")["names"][0]["destinations"] == []
    for ask in (app.names, app.forget_names):
        with pytest.raises(UnknownSource, match=r"There is no source wbe; known are: app, gone, web\."):
            ask(data, "wbe")


def test_what_is_forgotten_is_counted_anew_for_that_source(data: Path) -> None:
    count(data, "A")
    count(data, "A", source="web")
    assert app.forget_names(data, "app") == {"forgotten": ["app"]}
    assert [one["source"] for one in app.names(data)["names"]] == ["web"]
    assert app.forget_names(data) == {"forgotten": ["web"]}
    assert app.forget_names(data) == {"forgotten": []}


@pytest.mark.parametrize(
    ("keys", "groups"),
    [
        ([], []),
        (["plan", "Plan", "seats", "PLAN"], [("plan", "Plan", "PLAN")]),
        (["Straße", "STRASSE"], [("Straße", "STRASSE")]),
        (["plan", "plan ", "pl_an"], []),
    ],
)
def test_keys_that_differ_only_by_letter_case_are_found(
    keys: list[str], groups: list[tuple[str, ...]]
) -> None:
    assert differing(keys) == groups


def test_an_event_with_keys_that_differ_by_case_and_near_misses_has_notes(data: Path) -> None:
    message = {
        "type": "track", "event": "Signed Up", "properties": {"plan": 1, "Plan": 2, "seats": 3},
        "integrations": {"gainsight": False, "GainSight ": True, "PX": True, "cs": True, "All": True},
    }  # fmt: skip
    assert notes_of(event_of(message, source="app"), configuration(data)) == [
        f"`integrations` has the key 'gainsight', {WHICH} 'Gainsight', {COUNTS}",
        f"`integrations` has the key 'GainSight ', {WHICH} 'Gainsight', {COUNTS}",
        f"`integrations` has the key 'PX', {WHICH} 'px', {COUNTS}",
        "The properties 'plan' and 'Plan' differ only by letter case; they are sent as they are.",
    ]
    plain = {
        "type": "track",
        "event": "Signed Up",
        "integrations": {"Gainsight": True},
        "properties": {"plan": 1},
    }
    assert notes_of(event_of(plain, source="app"), configuration(data)) == []


def test_keys_that_differ_by_case_are_a_warning_where_the_vendor_keeps_a_list_of_them(data: Path) -> None:
    count(data, "Signed Up", keys=("plan",))
    count(data, "Signed Up", keys=("Plan", "PLAN"))
    count(data, "Signed Up", keys=("seats",), source="web")
    count(data, "Signed Up", keys=("Seats",))
    ((setting, message),) = findings(data, "px")
    assert setting == "" and message == (
        "app sends the track 'Signed Up' with the properties 'PLAN', 'Plan' and 'plan', which differ only by "
        "letter case: they may be kept as different ones."
    )
    assert findings(data, "cs") == findings(data, "clickstream") == []
    assert findings(data, "px", NOW_US + RECENT_US + 1) == []


def test_of_many_names_with_such_keys_a_few_are_told_and_the_others_counted(data: Path) -> None:
    count(data, *(f"Name {number}" for number in range(9)), keys=("a", "A"))
    told = [message for _, message in findings(data, "px")]
    assert len(told) == 6 and told[-1] == "4 more such properties: gainstage names lists them."


@pytest.mark.parametrize(
    ("names", "most", "warned"), [(79, 100, False), (80, 100, True), (100, 100, True), (0, 1, False)]
)
def test_four_fifths_of_the_names_are_a_warning(data: Path, names: int, most: int, warned: bool) -> None:
    take(data, names, most)
    (row,) = status(data)["event_names"]
    assert (row["used"], row["limit"], row["runs_out"]) == (names, most, warned)
    assert findings(data, "px") == [], "the limit of today's settings counts, which is 2,000"


def test_check_says_how_many_names_are_in_use_and_what_to_do(data: Path) -> None:
    take(data, 1_600, 2_000)
    assert findings(data, "px") == [
        (
            "event_names",
            "1,600 of the 2,000 distinct event names that Gainsight PX keeps are in use; an event with one "
            "more than that fails. `gainstage names` lists them: put values (ids, dates) in properties, not "
            "in names.",
        )
    ]
    assert findings(data, "cs") == []


def test_near_misses_are_told_with_their_source_and_count_while_they_are_new(data: Path) -> None:
    for _ in range(3):
        miss(data, "gainsight", "Gainsight")
    miss(data, "all ", "All", source="web")
    miss(data, "PX", "px", source="gone")
    told = f"app sent the key 'gainsight' in `integrations` (events: 3), {WHICH} 'Gainsight', {COUNTS}"
    for name in ("cs", "clickstream"):
        assert findings(data, name)[0] == ("", told)
    assert [message.split("'")[1] for _, message in findings(data, "px")] == ["all "]
    rows = status(data)["near_misses"]
    assert [(one["source"], one["key"], one["meant"], one["count"]) for one in rows] == [
        ("app", "gainsight", "Gainsight", 3), ("gone", "PX", "px", 1), ("web", "all ", "All", 1),
    ]  # fmt: skip
    assert status(data, NOW_US + RECENT_US + 1)["near_misses"] == []
    assert findings(data, "cs", NOW_US + RECENT_US + 1) == []


def test_names_without_room_show_in_the_status(data: Path) -> None:
    count(data, "x" * 600, "Short")
    assert status(data)["uncounted"] == [{"source": "app", "names": 1, "near_misses": 0}]
