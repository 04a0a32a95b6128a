"""Roles are enforced on the server for every operation of its description, and what is done is noted."""

import os
import re
from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from gainstage import app
from gainstage.accounts import ROLES, allows
from gainstage.dashboard.description import document
from gainstage.errors import DataUnusable
from gainstage.store.store import Store
from tests.integration.entrance import PASSWORD, TOKEN, Browser, Server, code, program
from tests.unit.app.conftest import DESTINATIONS

pytestmark = pytest.mark.anyio
METHODS = {"get", "put", "post", "delete"}
OPERATIONS = sorted(
    (method.upper(), path.removeprefix("/api/"), item[method]["x-least-role"])
    for path, item in document()["paths"].items()
    for method in METHODS & set(item)
    if "management" in item[method]["tags"] and item[method]["x-least-role"] is not None
)
PERSON = "ann.person@x.example"


def configuration(*names: str) -> dict[str, Any]:
    return {
        "sources": [{"name": "app", "kind": "server", "write_key": "roles-write-key"}],
        "destinations": [{"name": name, **deepcopy(DESTINATIONS[name])} for name in names],
    }


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    file = tmp_path / "gainstage.yaml"
    file.write_text(yaml.safe_dump(configuration("cs")))
    app.apply(tmp_path / "data", file)
    running = Server(tmp_path / "data")
    await running.start()
    for role in ROLES:
        running.add(role, role)
    yield running
    await running.stop()


async def logged_in(server: Server, role: str) -> Browser:
    browser = Browser(server)
    assert (await browser.log_in(role)).status_code == 200
    return browser


async def test_every_operation_is_refused_to_nobody_and_to_every_lesser_role_and_to_no_other(
    server: Server,
) -> None:
    assert len(OPERATIONS) > 40
    askers = {role: await logged_in(server, role) for role in ROLES}
    for method, path, least in OPERATIONS:
        # A query that no path takes: whose role is enough hears that, and nothing is done.
        place = re.sub(r"\{\w+\}", "1", path) + "?no-such-parameter=1"
        assert code(await Browser(server).ask(method, place))[0] in (401, 429), path
        server.clock.us += 61_000_000
        for role, browser in askers.items():
            answer = await browser.ask(method, place)
            if allows(role, least):
                assert code(answer) == (400, "invalid_query"), (role, method, path)
            else:
                assert code(answer) == (403, "role_insufficient"), (role, method, path)


async def test_what_is_refused_for_the_role_is_noted_too(server: Server) -> None:
    viewer = await logged_in(server, "viewer")
    assert code(await viewer.ask("POST", "dead/retry", {})) == (403, "role_insufficient")
    (entry,) = app.audit(server.data, action="dead.retry")["entries"]
    assert (entry["actor"], entry["outcome"], entry["detail"]) == ("viewer", "refused", {"status": 403})
    assert entry["address"] == "127.0.0.1"


async def test_what_is_done_is_noted_with_who_and_on_what_and_without_anybodys_data(server: Server) -> None:
    admin, ops = await logged_in(server, "admin"), program(server)
    await admin.ask("POST", "dead/retry", {"user": PERSON, "destination": "cs", "message_ids": ["m-1"]})
    receipt = (await admin.ask("POST", "forget", {"person": PERSON, "confirm": True})).json()
    await ops.ask("POST", "replays", {"from": "2h", "user": PERSON, "destinations": ["cs"]})
    await ops.ask("POST", "users", {"name": "carl", "role": "viewer", "password": PASSWORD})
    await ops.ask("PUT", "users/carl", {"role": "editor", "password": "and another sentence"})
    await ops.ask("DELETE", "replays/7")
    assert server.noted()[1:] == [
        ("admin", "dead.retry", "", "done"),
        ("admin", "person.forget", f"request {receipt['request']}", "done"),
        ("", "replay.begin", "replay 1", "done"),
        ("", "user.add", "carl", "done"),
        ("", "user.change", "carl", "done"),
    ]
    entries = app.audit(server.data)["entries"]
    retried = next(one for one in entries if one["action"] == "dead.retry")
    assert retried["detail"] == {
        "destination": "cs", "message_ids": ["m-1"], "one_person": True, "events": 0,
    }  # fmt: skip
    assert entries[0]["detail"] == {"role": "editor", "password": True}
    shown = (await admin.ask("GET", "audit")).text
    for secret in (PERSON, PASSWORD, "another sentence", TOKEN, "roles-write-key"):
        assert secret not in shown


async def test_what_was_done_is_read_by_pages_and_filters_over_http(server: Server) -> None:
    admin = await logged_in(server, "admin")
    for number in range(5):
        await admin.ask("DELETE", f"users/nobody-{number}")
    first = (await admin.ask("GET", "audit?action=user&outcome=refused&limit=3")).json()
    rest = (await admin.ask("GET", f"audit?action=user&limit=3&before={first['next']}")).json()
    found = [one["object"] for one in (*first["entries"], *rest["entries"])]
    assert found == [f"nobody-{number}" for number in (4, 3, 2, 1, 0)] and rest["next"] is None
    assert (await admin.ask("GET", "audit?actor=viewer")).json()["entries"] == []
    assert len((await admin.ask("GET", "audit?since=1h&until=2099-01-01")).json()["entries"]) == 6
    assert code(await admin.ask("GET", "audit?since=whenever")) == (422, "unusable")


async def test_what_cannot_be_noted_is_not_done(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await logged_in(server, "admin")

    def full(*arguments: object) -> int:
        raise DataUnusable("The disk is full.")

    monkeypatch.setattr(app, "begin_action", full)
    assert code(await admin.ask("DELETE", "users/viewer")) == (503, "unavailable")
    assert len(app.users(server.data)) == 3


async def test_an_action_that_was_cut_short_stays_begun(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await logged_in(server, "admin")

    def gone(*arguments: object) -> None:
        raise DataUnusable("The server was killed.")

    monkeypatch.setattr(app, "end_action", gone)
    await admin.ask("DELETE", "users/viewer")
    (entry,) = app.audit(server.data, action="user.remove")["entries"]
    assert (entry["actor"], entry["object"], entry["outcome"]) == ("admin", "viewer", "begun")


MAPPED = {"person_fields": {"plan": "Plan__gc"}}


@pytest.mark.parametrize(
    ("settings", "guarded"),
    [
        (MAPPED, None),
        ({"create_companies": False}, None),
        ({"access_key": "another-key"}, "destinations.cs.settings.access_key"),
        ({"domain": "elsewhere.example"}, "destinations.cs.settings.domain"),
        ({"api_url": "https://elsewhere.example"}, "destinations.cs.settings.api_url"),
        ({"topic_name": "${HOME}"}, "destinations.cs.settings.topic_name"),
        ({"person_fields": {"plan": "${HOME}"}}, "destinations.cs.settings.person_fields"),
        ({"person_fields": "${HOME}"}, "destinations.cs.settings.person_fields"),
    ],
    ids=lambda one: next(iter(one), "") if isinstance(one, dict) else "",
)
async def test_an_editor_changes_mappings_and_neither_secrets_nor_where_they_go(
    server: Server, settings: dict[str, Any], guarded: str | None
) -> None:
    wanted = configuration("cs")
    wanted["destinations"][0]["settings"] |= settings
    editor = await logged_in(server, "editor")
    answer = await editor.ask("PUT", "configuration", wanted)
    if guarded is None:
        assert answer.json()["changed"]
        (entry,) = app.audit(server.data, action="configuration")["entries"]
        assert entry["detail"]["changed"] == [f"destinations.cs.settings.{next(iter(settings))}"]
        return
    assert code(answer) == (403, "role_insufficient") and guarded in answer.json()["error"]["message"]
    assert os.environ["HOME"] not in answer.text, "what the environment holds is not told in passing either"
    assert app.export_parts(server.data)["destinations"][0]["settings"].keys() == (
        DESTINATIONS["cs"]["settings"].keys()
    )
    admin = await logged_in(server, "admin")
    answer = await admin.ask("PUT", "configuration", wanted)
    assert answer.status_code == 422 or answer.json()["changed"], "an admin's problems are others"


@pytest.mark.parametrize(
    ("change", "guarded"),
    [
        ({"retention": {"log": {"days": 1}}}, "retention"),
        ({"alerts": {"oldest_pending": "1h"}}, "alerts"),
        ({"sources": []}, "sources.app"),
        (
            {"sources": [{"name": "app", "kind": "server", "write_key": "another-write-key"}]},
            "sources.app.write_key",
        ),
        ({"destinations": configuration("cs", "px")["destinations"]}, "destinations.px"),
        ({"destinations": []}, None),
    ],
    ids=lambda one: next(iter(one), "") if isinstance(one, dict) else str(one),
)
async def test_an_editor_changes_nothing_of_the_server_as_a_whole_and_adds_no_destination(
    server: Server, change: dict[str, Any], guarded: str | None
) -> None:
    editor = await logged_in(server, "editor")
    answer = await editor.ask("PUT", "configuration", {**configuration("cs"), **change})
    if guarded is None:
        assert answer.json()["changed"]
    else:
        assert code(answer) == (403, "role_insufficient") and guarded in answer.json()["error"]["message"]


async def test_a_file_that_changes_nothing_is_anybodys_to_put_who_may_edit(server: Server) -> None:
    editor = await logged_in(server, "editor")
    assert (await editor.ask("PUT", "configuration", configuration("cs"))).json()["changed"] is False
    (entry,) = app.audit(server.data, action="configuration")["entries"]
    assert (entry["outcome"], entry["detail"]) == ("done", {})


def test_what_the_command_line_does_is_noted_with_who_ran_it(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with app.audited(tmp_path, "dead.retry", **app.without_people({"user": PERSON, "reason": None})) as note:
        note.add(events=3)
    with pytest.raises(DataUnusable), app.audited(tmp_path, "user.remove", "ann"):
        raise DataUnusable("No.")
    with pytest.raises(ZeroDivisionError), app.audited(tmp_path, "user.add"):
        _ = 1 / 0
    failed, refused, done = app.audit(tmp_path)["entries"]
    assert (done["actor_kind"], done["outcome"], done["detail"]) == (
        "command_line", "done", {"one_person": True, "events": 3},
    )  # fmt: skip
    assert done["actor"] and (refused["object"], refused["outcome"]) == ("ann", "refused")
    assert failed["outcome"] == "failed"


def test_long_lists_are_noted_in_part_with_how_many_more_there_were(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with app.audited(tmp_path, "dead.retry", message_ids=[f"m-{n}" for n in range(250)]):
        pass
    (entry,) = app.audit(tmp_path)["entries"]
    assert len(entry["detail"]["message_ids"]) == 100 and entry["detail"]["message_ids_left_out"] == 150


async def test_an_editor_maps_and_pauses_a_destination_and_has_neither_its_secrets_nor_where_they_go(
    server: Server,
) -> None:
    admin, editor = await logged_in(server, "admin"), await logged_in(server, "editor")
    settings = {**DESTINATIONS["px"]["settings"], "api_key": "roles-px-api-key"}
    given = {"name": "own", "type": "gainsight_px", "settings": settings}
    assert code(await editor.ask("POST", "destinations", given)) == (403, "role_insufficient")
    assert (await admin.ask("POST", "destinations", given)).status_code == 201
    for allowed in (
        {"settings": {"user_attributes": {"plan": "tier"}}},
        {"paused": True},
        {"types": ["track"]},
    ):
        assert (await editor.ask("PUT", "destinations/own", allowed)).status_code == 200
    for refused in (
        {"settings": {"api_key": "another-key"}},
        {"settings": {"api_key": None, "mode": "segment_push"}},
        {"settings": {"api_url": "https://elsewhere.example"}},
        {"settings": {"global_context": {"stolen": "${HOME}"}}},
    ):
        for method, path in (
            ("PUT", "destinations/own"),
            ("PUT", "destinations/own?dry_run=true"),
            ("POST", "destinations/own/preview-change"),
        ):
            answer = await editor.ask(method, path, refused)
            assert code(answer) == (403, "role_insufficient"), (path, refused)
            assert os.environ["HOME"] not in answer.text
    assert (await editor.ask("DELETE", "destinations/own")).status_code == 200
