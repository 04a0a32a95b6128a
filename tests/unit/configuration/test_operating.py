"""What a file says for the server as a whole."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gainstage.configuration import export, load, read, resolve
from gainstage.configuration.resolve import Loaded
from gainstage.errors import ConfigurationError
from gainstage.operating import Alerts, Canary, Limits, Traces
from tests.unit.configuration.conftest import ENVIRONMENT, GOOD

SAID: dict[str, Any] = {
    "limits": {"free_disk": "2GB", "waiting_events": 5, "unrouted_messages": 0, "retry_after": "1m"},
    "alerts": {
        "webhook": "${HOOK}",
        "secret": "written-out-0123456789",
        "oldest_pending": "2h",
        "blocked_after": "3m",
        "ends_after": "5m",
    },
    "canary": {"every": "10m", "within": "1m"},
    "traces": {"endpoint": "http://127.0.0.1:4318", "headers": {"api-key": "${TRACES}"}, "sample_percent": 5},
}
HOOK = "https://hooks.example.com/services/T0/B0/secret-part"
AROUND = ENVIRONMENT | {"HOOK": HOOK, "TRACES": "traces-key"}


def written(path: Path, **sections: Any) -> Path:
    path.write_text(GOOD + (yaml.safe_dump(sections) if sections else ""))
    return path


def loaded(tmp_path: Path, **sections: Any) -> Loaded:
    return load(written(tmp_path / "gainstage.yaml", **sections), AROUND)


def test_every_section_becomes_a_value(tmp_path: Path) -> None:
    found = loaded(tmp_path, **SAID).configuration
    assert found.limits == Limits(2 * 1024**3, 5, 0, 60)
    assert found.alerts == Alerts(
        HOOK,
        "written-out-0123456789",
        oldest_pending_seconds=7200,
        blocked_after_seconds=180,
        ends_after_seconds=300,
    )
    assert found.canary == Canary(frozenset({"main"}), 600, 60)
    assert found.traces == Traces("http://127.0.0.1:4318/v1/traces", {"api-key": "traces-key"}, 5.0)


def test_without_them_the_defaults_hold_and_nothing_is_sent_anywhere(tmp_path: Path) -> None:
    found = loaded(tmp_path).configuration
    assert (found.limits, found.alerts, found.canary, found.traces) == (Limits(), Alerts(), None, None)
    assert found.alerts.webhook is None


def test_the_canary_reaches_its_destinations_and_no_other_source_changes(tmp_path: Path) -> None:
    found = loaded(tmp_path, canary={"destinations": []}).configuration
    assert found.fed_by("gainstage:canary") == ()
    found = loaded(tmp_path, canary={}).configuration
    assert [one.name for one in found.fed_by("gainstage:canary")] == ["main"]
    assert found.fed_by("backend") == ()


@pytest.mark.parametrize(
    ("section", "wrong", "told"),
    [
        ("limits", {"free_disk": "much"}, "limits.free_disk: write a size as 2GB"),
        ("limits", {"retry_after": "10m"}, "limits.retry_after: must be less than or equal to 300"),
        ("limits", {"free_disc": "1GB"}, "limits.free_disc: unknown key; did you mean free_disk?"),
        ("limits", [], "limits: must be a mapping"),
        (
            "alerts",
            {"webhook": "http://hooks.example.com/x"},
            "alerts.webhook: plain http is allowed to this",
        ),
        ("alerts", {"webhook": "ftp://hooks.example.com/x"}, "alerts.webhook: write the address as https://"),
        ("alerts", {"webhook": "https://ann:secret@x.example/"}, "alerts.webhook: no login"),
        ("alerts", {"secret": "short"}, "alerts.secret: must have at least 16 characters"),
        ("alerts", {"webhook": "${NOWHERE}"}, "alerts.webhook: the environment variable NOWHERE is not set"),
        ("canary", {"destinations": ["mian"]}, "canary.destinations[0]: there is no destination mian"),
        ("canary", {"every": "0s"}, "canary.every: must be greater than or equal to 1"),
        ("traces", {}, "traces.endpoint: is missing"),
        ("traces", {"endpoint": "http://collector:4318"}, "traces.endpoint: plain http is allowed to this"),
        ("traces", {"endpoint": "https://c.example", "sample_percent": 0}, "traces.sample_percent: must be"),
        ("limit", {}, "limit: unknown key; did you mean limits?"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, section: str, wrong: Any, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        loaded(tmp_path, **{section: wrong})
    assert told in str(refused.value)
    assert "secret@" not in str(refused.value)


def test_what_cannot_be_used_any_more_is_as_if_it_were_not_said(tmp_path: Path) -> None:
    documents = read(written(tmp_path / "gainstage.yaml", **SAID))
    found = resolve(documents, ENVIRONMENT, lenient=True)
    assert (found.configuration.alerts, found.configuration.traces) == (Alerts(), None)
    assert found.configuration.limits.waiting_events == 5
    assert any("HOOK is not set" in str(warning) for warning in found.warnings)


def test_an_export_has_them_without_their_secrets(tmp_path: Path) -> None:
    path = written(tmp_path / "gainstage.yaml", **SAID)
    text = export(read(path))
    assert "written-out-0123456789" not in text
    assert "secret: ${ALERTS_SECRET}" in text and "webhook: ${HOOK}" in text
    again = tmp_path / "again.yaml"
    again.write_text(text)
    around = AROUND | {"ALERTS_SECRET": "written-out-0123456789", "BACKEND_WRITE_KEY": "written-out"}
    assert load(again, around).configuration == load(path, AROUND).configuration


def test_secrets_do_not_show(tmp_path: Path) -> None:
    shown = repr(loaded(tmp_path, **SAID).configuration)
    for secret in ("secret-part", "written-out-0123456789", "traces-key"):
        assert secret not in shown
