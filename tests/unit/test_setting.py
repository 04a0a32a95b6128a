"""Settings that all destinations share, and the rules of each destination's own."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gainstage.destinations import registry
from gainstage.setting import ApiUrl, Duration, printable, written_duration

CS, PX, CLICKSTREAM = (registry.load(name) for name in ("gainsight_cs", "gainsight_px", "gainsight"))
DURATION: TypeAdapter[int] = TypeAdapter(Duration)
API_URL: TypeAdapter[str] = TypeAdapter(ApiUrl)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7d", 604_800),
        ("12h", 43_200),
        ("30m", 1800),
        ("45s", 45),
        ("90", 90),
        (90, 90),
        ("1 d", 86_400),
        ("2W", 1_209_600),
    ],
)
def test_durations(given: Any, seconds: int) -> None:
    assert DURATION.validate_python(given) == seconds
    assert DURATION.validate_python(written_duration(seconds)) == seconds


@pytest.mark.parametrize("given", ["soon", "-1d", "1y", "", "1.5h", -1, 10**10, None, []])
def test_what_is_no_duration(given: Any) -> None:
    with pytest.raises(ValidationError):
        DURATION.validate_python(given)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://proxy.acme.test", "https://proxy.acme.test"),
        ("https://proxy.acme.test:8443/", "https://proxy.acme.test:8443"),
        ("http://localhost:8090", "http://localhost:8090"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("HTTPS://Proxy.Acme.Test", "https://proxy.acme.test"),
    ],
)
def test_api_addresses(given: str, address: str) -> None:
    assert API_URL.validate_python(given) == address


@pytest.mark.parametrize(
    "given",
    [
        "http://proxy.acme.test",
        "http://10.0.0.1",
        "ftp://localhost",
        "localhost:8090",
        "https://",
        "",
        "https://a/b",
        "https://a?b",
        "https://u:p@a",
        "https://a b",
        "https://a:99999",
        "http://localhost.evil.test",
        "https://-a",
        "http://0.0.0.0",
    ],
)
def test_what_is_no_api_address(given: str) -> None:
    with pytest.raises(ValidationError):
        API_URL.validate_python(given)


@pytest.mark.parametrize(
    ("given", "host", "warned"),
    [
        ("acme.gainsightcloud.com", "acme.gainsightcloud.com", False),
        ("acme", "acme.gainsightcloud.com", False),
        ("Acme", "acme.gainsightcloud.com", False),
        (" acme.eu.gainsightcloud.com ", "acme.eu.gainsightcloud.com", False),
        ("success.acme.test", "success.acme.test", False),
        ("https://acme.gainsightcloud.com", "acme.gainsightcloud.com", True),
        ("http://acme.gainsightcloud.com/", "acme.gainsightcloud.com", True),
        ("https://acme.gainsightcloud.com/v1/ui/home?x=1#y", "acme.gainsightcloud.com", True),
        ("acme.gainsightcloud.com/v1", "acme.gainsightcloud.com", True),
        ("acme.gainsightcloud.com:443", "acme.gainsightcloud.com:443", False),
    ],
)
def test_a_domain_is_reduced_to_its_host_with_a_warning(given: str, host: str, warned: bool) -> None:
    settings = CS.settings(domain=given)
    assert settings.address == f"https://{host}"
    found = [finding for finding in CS.warnings(settings) if finding.setting == "domain"]
    assert bool(found) is warned
    assert all(host in finding.message and given.strip() in finding.message for finding in found)


@pytest.mark.parametrize("given", ["", " ", "https://", "a b", "10.0.0.1", "u@acme", "-acme", "ключ", "a..b"])
def test_what_is_no_domain(given: str) -> None:
    with pytest.raises(ValidationError):
        CS.settings(domain=given)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("access_key", "a\nb"),
        ("access_key", ""),
        ("access_key", "ключ"),
        ("tenant_id", "a\r\nb"),
        ("person_fields", {"a": "b c"}),
        ("person_fields", {"a": "Gsid"}),
        ("company_fields", {"": "A"}),
        ("field_rules", {"Arr": "sometimes"}),
        ("company_on_ambiguous", "guess"),
        ("people_path", "people"),
        ("people_path", "/v1?x"),
        ("budget", {"per_minute": 0}),
        ("budget", {"per_hour": 1}),
        ("csm_lookup", "name"),
        ("parent_lookup", "email"),
        ("people_bulk", "on"),
        ("on_unknown", "drop"),
        ("events", {"A": {"nam": "x"}}),
    ],
)
def test_cs_settings_that_cannot_be(key: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        CS.settings(domain="acme", **{key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("product_tag_key", []),
        ("product_tag_key", ""),
        ("product_tag_key", ["AP-A-2", " "]),
        ("data_center", "ASIA"),
        ("user_attributes", {"a": ""}),
        ("mode", "push"),
        ("api_key", None),
        ("api_key", ""),
        ("deny_list", True),
        ("view_names", "any"),
        ("page_events", "perhaps"),
        ("budget", {"per_second": -1}),
    ],
)
def test_px_settings_that_cannot_be(key: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        PX.settings(**{"api_key": "k", "product_tag_key": "AP-A-2", key: value})


def test_keys_lose_the_white_space_that_copying_brings() -> None:
    settings = PX.settings(api_key=" key\n", product_tag_key=" AP-A-2 ")
    assert (settings.api_key.get_secret_value(), settings.product_tag_key) == ("key", ("AP-A-2",))


def test_errors_do_not_show_the_value() -> None:
    with pytest.raises(ValidationError) as caught:
        CS.settings(domain="acme", access_key="top\nsecret")
    assert "secret" not in str(caught.value)


def test_numbers_in_yaml_are_taken_for_text() -> None:
    settings = CS.settings(domain="acme", tenant_id=42, events={"A": {"name": "a", "version": 1}})
    assert (settings.tenant_id, settings.events["A"].version) == ("42", "1")


def test_a_tag_key_of_unusual_form_warns_only() -> None:
    assert not PX.warnings(PX.settings(api_key="k", product_tag_key=["AP-ABC-2", "AP-ABC-2-1"]))
    assert PX.warnings(PX.settings(api_key="k", product_tag_key="abc"))


def test_event_names_that_cannot_travel_warn() -> None:
    found = CS.warnings(
        CS.settings(domain="acme", events={"A": {"name": "é", "version": "1"}}, topic_name="ü")
    )
    assert [finding.setting for finding in found] == ["events", "topic_name"]


def test_the_domain_is_the_tenant_whatever_the_key() -> None:
    one, other = (
        CS.settings(domain="acme", access_key="a"),
        CS.settings(domain="https://ACME.gainsightcloud.com/"),
    )
    assert CS.tenant(one) == CS.tenant(other) == "acme.gainsightcloud.com"
    assert CS.tenant(CS.settings(domain="acme", api_url="http://localhost:1")) != CS.tenant(one)
    minute, day = CS.budgets(one)
    assert (minute.limit, minute.window_seconds, minute.usable) == (100, 60, 80)
    assert (day.limit, day.window_seconds, day.usable) == (50_000, 86_400, 40_000)
    assert minute.account == CS.tenant(one) and minute.family == day.family


def test_region_and_key_are_the_px_tenant() -> None:
    def tenant(**more: Any) -> str:
        return PX.tenant(PX.settings(**{"api_key": "k", "product_tag_key": "AP-A-2", **more}))

    assert (
        len({tenant(), tenant(api_key="other"), tenant(data_center="EU"), tenant(api_url="https://p.test")})
        == 4
    )
    assert tenant() == tenant(product_tag_key="AP-B-2")
    second, day = PX.budgets(PX.settings(api_key="k", product_tag_key="AP-A-2"))
    assert (second.limit, second.usable, day.limit, day.usable) == (200, 160, 1_000_000, 800_000)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("a b", True),
        ("", False),
        (" a", False),
        ("a\n", False),
        ("é", False),
        ("a\x7f", False),
        ("x" * 1024, True),
        ("x" * 1025, False),
    ],
)
def test_printable(value: str, fits: bool) -> None:
    assert printable(value) is fits


def test_the_registry_lists_and_loads() -> None:
    assert registry.names()[:3] == ("gainsight", "gainsight_cs", "gainsight_px")
    assert registry.load("gainsight_cs").name == "gainsight_cs"
    with pytest.raises(KeyError):
        registry.load("no_such_type")
