"""Call limits: windows, accounts, the forms of a refusal, and how they are changed."""

from typing import Any

import pytest

from gainstage_sandbox.behaviour import RefusedError
from gainstage_sandbox.limits import Limits
from tests.sandbox.vendor import NEW_PEOPLE, PEOPLE, PX, START, Clock, Vendor, code


def test_cs_allows_100_calls_a_minute_in_fixed_windows(vendor: Vendor, clock: Clock) -> None:
    clock.now = START + 59
    assert [vendor.person(Email="a@b.c").status_code for _ in range(101)] == [200] * 100 + [429]
    clock.now = START + 60
    assert vendor.person(Email="a@b.c").status_code == 200


def test_the_whole_cs_family_shares_one_limit(vendor: Vendor) -> None:
    vendor.control("POST", "limits", {"cs": {"per_minute": 4}})
    statuses = [
        vendor.person(Email="a@b.c").status_code,
        vendor.cs("PUT", NEW_PEOPLE, {"Email": "a@b.c"}).status_code,
        vendor.query().status_code,
        vendor.event({}).status_code,
        vendor.insert({"Name": "Acme"}).status_code,
    ]
    assert statuses == [200, 200, 200, 200, 429]


def test_the_429_of_cs_has_the_documented_form(vendor: Vendor) -> None:
    vendor.control("POST", "limits", {"cs": {"per_minute": 0}})
    response = vendor.person(Email="a@b.c")
    assert code(response) == (429, "GU_2400")
    assert (response.json()["data"], response.json()["errorDesc"]) == (None, "Too many request")
    assert "retry-after" not in response.headers


def test_retry_after_can_be_switched_on(vendor: Vendor, clock: Clock) -> None:
    clock.now = START + 50
    vendor.control("POST", "limits", {"cs": {"per_minute": 0}, "retry_after": True})
    assert vendor.person(Email="a@b.c").headers["retry-after"] == "10"


def test_px_allows_200_calls_a_second(vendor: Vendor, clock: Clock) -> None:
    statuses = [vendor.px("GET", "/v1/users").status_code for _ in range(201)]
    assert statuses == [200] * 200 + [429]
    clock.now += 1
    assert vendor.px("GET", "/v1/users").status_code == 200
    assert "Rate limit exceeded" in str(vendor.control("GET", "requests?after=200&limit=1"))


def test_the_daily_limit_ends_at_the_set_hour(vendor: Vendor, clock: Clock) -> None:
    vendor.control("POST", "limits", {"cs": {"per_day": 1}, "day_starts_at_hour": 8})
    midnight = START - START % 86_400
    clock.now = midnight + 7.9 * 3600
    assert [vendor.person(Email="a@b.c").status_code for _ in range(2)] == [200, 429]
    clock.now = midnight + 8 * 3600
    assert vendor.person(Email="a@b.c").status_code == 200


def test_accounts_are_counted_apart_by_key_unless_switched(vendor: Vendor) -> None:
    vendor.control("POST", "limits", {"cs": {"per_minute": 1}})
    statuses = [
        vendor.cs("PUT", PEOPLE, {"Email": "a@b.c"}, Accesskey=key).status_code for key in ("k1", "k2", "k1")
    ]
    assert statuses == [200, 200, 429]
    for scope in ("host", "all"):
        vendor.control("POST", "limits", {"scope": scope})
        statuses = [
            vendor.cs("PUT", PEOPLE, {"Email": "a@b.c"}, Accesskey=key).status_code for key in ("k3", "k4")
        ]
        assert statuses == [200, 429]


def test_refused_credentials_are_not_counted(vendor: Vendor) -> None:
    vendor.control("POST", "limits", {"cs": {"per_minute": 1}})
    vendor.set(refused_keys=["bad"])
    assert vendor.cs("PUT", PEOPLE, {"Email": "a@b.c"}, Accesskey="bad").status_code == 401
    assert vendor.person(Email="a@b.c").status_code == 200


def test_a_leaky_bucket_frees_calls_evenly() -> None:
    limits = Limits()
    limits.change({"algorithm": "leaky_bucket", "cs": {"per_minute": 60}})
    assert [limits.take("cs", "k", START) for _ in range(61)] == [None] * 60 + [1]
    assert limits.take("cs", "k", START + 1) is None
    assert limits.take("cs", "k", START + 1) == 1
    limits.change({"cs": {"per_minute": None, "per_day": 2}})
    assert limits.take("cs", "other", START) is None


def test_limits_can_be_switched_off_and_taken_away(vendor: Vendor) -> None:
    vendor.control("POST", "limits", {"cs": {"per_minute": 0}, "enabled": False})
    assert vendor.person(Email="a@b.c").status_code == 200
    shown = vendor.control("POST", "limits", {"cs": {"per_minute": None, "per_day": None}, "enabled": True})
    assert shown["cs"] == {}
    assert vendor.person(Email="a@b.c").status_code == 200


def test_what_is_used_is_shown_without_the_key(vendor: Vendor) -> None:
    vendor.person(Email="a@b.c")
    vendor.px("GET", "/v1/users")
    shown = vendor.control("GET", "limits")["used"]
    assert [(m["family"], m["window"], m["used"], m["limit"]) for m in shown] == [
        ("cs", "per_minute", 1, 100),
        ("cs", "per_day", 1, 50_000),
        ("px", "per_second", 1, 200),
        ("px", "per_day", 1, 1_000_000),
    ]
    assert shown[0]["resets_at"] == START + 60
    assert PX["X-APTRINSIC-API-KEY"] not in str(shown)


def test_a_body_above_the_limit_is_refused(vendor: Vendor) -> None:
    vendor.control("POST", "limits", {"max_body_bytes": 1000})
    assert vendor.person(Email="a@b.c", Comments="x" * 1000).status_code == 413
    assert vendor.person(Email="a@b.c").status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {"gainsight": {}},
        {"cs": 5},
        {"cs": {"per_week": 5}},
        {"cs": {"per_day": -1}},
        {"cs": {"per_day": True}},
        {"algorithm": "token_bucket"},
        {"enabled": "yes"},
        {"day_starts_at_hour": 24},
        {"cs": {"per_minute": 5}, "px": {"per_second": "x"}},
    ],
)
def test_a_bad_limit_is_refused_and_changes_nothing(wanted: dict[str, Any]) -> None:
    limits = Limits()
    with pytest.raises(RefusedError):
        limits.change(wanted)
    assert limits.describe(START) == Limits().describe(START)
