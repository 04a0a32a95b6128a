"""`retention` in the configuration file: read, checked, exported."""

import pytest

from gainstage.configuration import export, outline_of, parts, settle
from gainstage.connection import Retention
from gainstage.errors import ConfigurationError

SOURCE = "sources: [{name: site, kind: server, write_key: key-1}]\n"


def retention(text: str) -> Retention:
    return settle(outline_of((SOURCE + text).encode(), "file"), {}).configuration.retention


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        retention(text)
    (problem,) = refusal.value.problems
    return problem


def test_what_is_not_said_is_kept_as_long_as_replays_are_of_use() -> None:
    expected = Retention(30, 50 * 10**9, 90, 20_000_000, True, 3 * 365, None, 365)
    assert retention("") == retention("retention: {}") == expected


def test_days_and_sizes_may_be_given_and_null_keeps_for_ever() -> None:
    assert retention("retention: {log: {days: 7, gigabytes: 2.5}, ledger: {days: null}}") == Retention(
        7, 2_500_000_000, None, 20_000_000
    )
    assert retention("retention: {audit: {days: null}}").audit_days is None
    assert (
        settle(
            outline_of(b"retention: {log: {days: '${DAYS}'}}", "file"), {"DAYS": "14"}
        ).configuration.retention.log_days
        == 14
    )


def test_how_long_events_are_archived_is_told_beside() -> None:
    found = retention("retention: {history: {days: 400, gigabytes: 20}}")
    assert (found.history, found.history_days, found.history_bytes) == (True, 400, 20 * 10**9)
    found = retention("retention: {history: {enabled: false, days: null}}")
    assert (found.history, found.history_days, found.log_days) == (False, None, 30)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("retention: {log: {days: 0}}", "retention.log.days"),
        ("retention: {ledger: {event: 5}}", "events"),
        ("retention: {history: {enabled: often}}", "retention.history.enabled"),
        ("retention: [30]", "retention: must be a mapping (line 2)"),
        ("retention: {audit: {days: 0.5}}", "retention.audit.days"),
        ("retentions: {}", "retention"),
        ("retention: {log: {gigabytes: much}}", "retention.log.gigabytes"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, told: str) -> None:
    problem = refused(text)
    assert told in problem and "(line 2)" in problem


def test_an_exported_file_says_what_was_written() -> None:
    text = "retention:\n  log: {days: 7}\n"
    documents = settle(outline_of((SOURCE + text).encode(), "file"), {}).documents
    assert parts(documents)["retention"] == {"log": {"days": 7}}
    again = settle(outline_of(export(documents).encode(), "file"), {"SITE_WRITE_KEY": "key-1"})
    assert again.configuration.retention.log_days == 7
    assert "retention" not in parts(settle(outline_of(SOURCE.encode(), "file"), {}).documents)
