"""The management API on what is set for the server as a whole."""

from typing import Any

import pytest

from gainstage.app.configuring import take_over
from gainstage.app.sealing import seal_of
from gainstage.configuration import outline_in
from gainstage.store.store import Store
from tests.unit.management.asking import WRITE_KEY, Asked, code
from tests.unit.management.test_connecting import done, refused

pytestmark = pytest.mark.anyio


async def section(asked: Asked, name: str) -> Any:
    sections = (await done(asked, "GET", "server"))["sections"]
    return next(one for one in sections if one["section"] == name)


async def test_every_section_says_what_is_set_and_what_may_be(asked: Asked) -> None:
    sections = (await done(asked, "GET", "server"))["sections"]
    assert [one["section"] for one in sections] == ["alerts", "canary", "retention", "limits", "traces"]
    assert all(one["owner"] is None and one["settings"] == {} and one["about"] for one in sections)
    kinds = {one["name"]: one["kind"] for one in sections[0]["inputs"]}
    assert kinds["webhook"] == "secret" and kinds["oldest_pending"] == "duration"
    (log, *_) = sections[2]["inputs"]
    assert {one["name"]: (one["kind"], one["default"]) for one in log["inputs"]}["days"] == ("number", 30.0)


async def test_a_section_is_changed_setting_by_setting_and_reset(asked: Asked) -> None:
    webhook = "https://alerts.example/hook?token=unit-secret"
    told = await done(asked, "PUT", "server/alerts", {"webhook": webhook, "oldest_pending": "2h"})
    assert told["changed"] == ["alerts"]
    shown = await section(asked, "alerts")
    assert shown["owner"] == "dashboard" and shown["secrets"] == ["webhook"]
    assert shown["settings"] == {"webhook": "***", "oldest_pending": "2h"}
    await done(asked, "PUT", "server/alerts", {"webhook": "***", "oldest_pending": None, "blocked_after": 90})
    about = (await done(asked, "GET", "about"))["alerts"]
    assert about["webhook"] and about["blocked_after_seconds"] == 90
    assert about["oldest_pending_seconds"] == 3600
    assert await done(asked, "DELETE", "server/alerts") == {"reset": "alerts"}
    assert (await section(asked, "alerts"))["owner"] is None
    assert (await done(asked, "GET", "about"))["alerts"]["blocked_after_seconds"] == 60


async def test_what_cannot_be_used_is_told_at_its_place_and_nothing_is_in_force(asked: Asked) -> None:
    wrong = {"log": {"days": -1}, "ledger": {"events": "many"}}
    status, said, places = await refused(asked, "PUT", "server/retention", wrong)
    assert (status, said) == (422, "configuration_invalid")
    assert places.keys() == {"log.days", "ledger.events"}
    assert (await section(asked, "retention"))["owner"] is None
    assert await refused(asked, "PUT", "server/alerts", {"webhook": "***"}) == (
        422, "configuration_invalid", {"webhook": "is hidden, and none is kept here: give the value"},
    )  # fmt: skip
    assert (await refused(asked, "PUT", "server/nothing", {}))[:2] == (404, "section_unknown")


async def test_a_dry_run_of_a_section_changes_nothing(asked: Asked) -> None:
    told = await done(asked, "PUT", "server/canary?dry_run=true", {"every": "5m"})
    assert told["changed"] == ["canary"]
    assert (await section(asked, "canary"))["owner"] is None


async def test_what_the_file_has_is_changed_there_and_a_file_takes_a_section_over(asked: Asked) -> None:
    await done(asked, "PUT", "server/limits", {"waiting_events": 5})
    assert (await done(asked, "GET", "configuration"))["limits"] == {"waiting_events": 5}
    source = {"name": "app", "kind": "server", "write_key": WRITE_KEY}
    given: dict[str, Any] = {"sources": [source], "limits": {"waiting_events": 7}}
    store = Store(asked.data)
    configuration = take_over(store, outline_in(given, "a file", {}), seal_of(asked.data))[2]
    store.close()
    assert configuration.limits.waiting_events == 7, "from the first moment on"
    shown = await section(asked, "limits")
    assert (shown["owner"], shown["settings"]) == ("file", {"waiting_events": 7})
    for method, body in (("PUT", {"waiting_events": 9}), ("DELETE", None)):
        assert (await refused(asked, method, "server/limits", body))[:2] == (409, "owned_by_file")


async def test_sections_are_an_admins_to_change(asked: Asked) -> None:
    answer = await asked.ask("PUT", "/api/server/alerts", json={}, headers={"Authorization": "Bearer none"})
    assert (answer.status_code, code(answer)) == (401, "api_token_wrong")
