"""Users, sessions, tokens and roles over HTTP: who gets in, how far, and what stands in the way of others."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gainstage import app
from gainstage.accounts.throttle import FREE_OF_ADDRESS, FREE_OF_NAME
from gainstage.app.entering import IDLE_US, LONGEST_US, MOST_SESSIONS
from gainstage.clock import SECOND_US
from gainstage.errors import UsageError
from gainstage.management.entrance import HASHERS, WAITING_AT_MOST
from tests.integration.entrance import PASSWORD, TOKEN, Browser, Server, code, program

pytestmark = pytest.mark.anyio
OTHER = "another long sentence"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    running = Server(tmp_path / "data")
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def ann(server: Server) -> Browser:
    """An admin who is logged in."""
    server.add("Ann@acme.example", "admin")
    browser = Browser(server)
    assert (await browser.log_in("ann@ACME.example")).status_code == 200
    return browser


async def test_the_first_admin_is_made_with_the_set_up_token_once_and_is_logged_in(server: Server) -> None:
    browser = Browser(server)
    assert (await browser.ask("GET", "setup")).json() == {"needed": True}
    token = server.invitation.give()
    who = {"name": "ann", "password": PASSWORD}
    assert code(await browser.ask("POST", "setup", {**who, "token": token + "x"})) == (
        401,
        "setup_token_wrong",
    )
    assert code(await browser.ask("POST", "setup", {**who, "token": token, "password": "short"})) == (
        422, "unusable",
    )  # fmt: skip
    made = await browser.ask("POST", "setup", {**who, "token": token})
    assert (made.status_code, made.json()["name"], made.json()["role"]) == (201, "ann", "admin")
    assert (await browser.ask("GET", "users")).json()["users"][0]["name"] == "ann"
    again = Browser(server)
    assert code(await again.ask("POST", "setup", {**who, "name": "eve", "token": token})) == (
        409,
        "setup_done",
    )
    assert (await again.ask("GET", "setup")).json() == {"needed": False}
    assert server.noted()[0] == ("", "user.add", "ann", "done")


async def test_a_set_up_token_is_worth_nothing_once_there_is_a_user(server: Server) -> None:
    token = server.invitation.give()
    server.add("ann", "viewer")
    body = {"token": token, "name": "eve", "password": PASSWORD}
    assert code(await Browser(server).ask("POST", "setup", body)) == (409, "setup_done")
    assert [one["name"] for one in app.users(server.data)] == ["ann"]


async def test_set_up_tokens_cannot_be_tried_out(server: Server) -> None:
    token = server.invitation.give()
    body = {"name": "eve", "password": PASSWORD}
    for number in range(10):
        answer = await Browser(server).ask("POST", "setup", {**body, "token": f"setup_{number}"})
        assert code(answer) == (401, "setup_token_wrong")
    assert code(await Browser(server).ask("POST", "setup", {**body, "token": token})) == (
        429, "too_many_failures",
    )  # fmt: skip


async def test_a_session_lets_in_until_it_is_ended(server: Server, ann: Browser) -> None:
    who = (await ann.ask("GET", "session")).json()
    assert who == {"kind": "user", "name": "Ann@acme.example", "role": "admin", "csrf": ann.csrf}
    cookie = ann.cookie
    assert (await ann.ask("GET", "dead")).status_code == 200
    left = await ann.ask("DELETE", "session")
    assert left.status_code == 200 and "Max-Age=0" in left.headers["set-cookie"]
    ended = await Browser(server, Cookie=cookie or "").ask("GET", "session")
    assert code(ended) == (401, "session_ended") and "Max-Age=0" in ended.headers["set-cookie"]
    assert server.noted(action="session") == [
        ("Ann@acme.example", "session.begin", "", "done"), ("Ann@acme.example", "session.end", "", "done"),
    ]  # fmt: skip


async def test_wrong_passwords_unknown_names_and_disabled_users_are_refused_alike(
    server: Server, ann: Browser
) -> None:
    server.add("bob", "viewer")
    app.change_user(server.data, "bob", enabled=False)
    said = [
        await Browser(server).log_in(name, password)
        for name, password in (
            ("bob", PASSWORD),
            ("bob", "wrong"),
            ("nobody", PASSWORD),
            ("bob", "x" * 5_000),
        )
    ]
    assert {code(one) for one in said} == {(401, "login_refused")}
    assert len({one.text for one in said}) == 1 and not any("set-cookie" in one.headers for one in said)
    assert server.noted(outcome="refused") == [
        ("", "session.begin", "bob", "refused"), ("", "session.begin", "bob", "refused"),
        ("", "session.begin", "(unknown name)", "refused"), ("", "session.begin", "bob", "refused"),
    ]  # fmt: skip


async def test_for_an_unknown_name_a_password_is_verified_too(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("bob", "viewer")
    verified: list[str] = []
    verify = app.Passwords.verify

    def watched(self: app.Passwords, kept: str, password: str) -> bool:
        verified.append(kept)
        return verify(self, kept, password)

    monkeypatch.setattr(app.Passwords, "verify", watched)
    for name in ("bob", "nobody"):
        await Browser(server).log_in(name, "wrong")
    assert len(verified) == 2
    assert len({kept.rpartition("$")[0].rpartition("$")[0] for kept in verified}) == 1, "the same parameters"


async def test_guessing_a_password_is_slowed_down_and_the_right_one_waits_as_well(
    server: Server, ann: Browser
) -> None:
    guesser = Browser(server)
    for _ in range(FREE_OF_NAME):
        assert code(await guesser.log_in("ann@acme.example", "wrong")) == (401, "login_refused")
    refused = await guesser.log_in("Ann@acme.example")
    assert (*code(refused), refused.headers["retry-after"]) == (429, "too_many_logins", "2")
    assert (await ann.ask("GET", "dead")).status_code == 200, "who is logged in stays so"
    server.clock.us += 2 * SECOND_US
    assert (await guesser.log_in("ann@acme.example")).status_code == 200


async def test_behind_a_trusted_proxy_those_who_guess_hold_off_themselves_only(tmp_path: Path) -> None:
    server = Server(tmp_path, proxy="127.0.0.1")
    await server.start()
    server.add("ann", "viewer")
    for number in range(20):
        await Browser(server, X_Forwarded_For="192.0.2.1").log_in(f"user {number}", "wrong")
    assert code(await Browser(server, X_Forwarded_For="192.0.2.1").log_in("ann"))[0] == 429
    assert (await Browser(server, X_Forwarded_For="192.0.2.2").log_in("ann")).status_code == 200
    (entry, *_) = app.audit(server.data, action="session.begin", outcome="done")["entries"]
    assert entry["address"] == "192.0.2.2"
    await server.stop()


async def test_what_changes_something_needs_the_csrf_token_of_the_session(
    server: Server, ann: Browser
) -> None:
    other = Browser(server)
    await other.log_in("ann@acme.example")
    assert other.csrf != ann.csrf
    for wrong in ("", "wrong", other.csrf or ""):
        answer = await ann.ask("POST", "dead/retry", {}, X_CSRF_Token=wrong)
        assert code(answer) == (403, "csrf_token_wrong")
    assert (await ann.ask("POST", "dead/retry", {})).json() == {"retried": 0}
    assert (await program(server).ask("POST", "dead/retry", {})).status_code == 200, "a token needs none"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_pages_of_other_sites_change_nothing_and_log_nobody_in(
    server: Server, ann: Browser, site: str
) -> None:
    assert code(await ann.ask("POST", "dead/retry", {}, Sec_Fetch_Site=site)) == (403, "cross_site")
    stranger = Browser(server, Sec_Fetch_Site=site)
    assert code(await stranger.log_in("ann@acme.example")) == (403, "cross_site")
    assert code(await stranger.ask("POST", "setup", {"token": "x", "name": "x", "password": "x"})) == (
        403, "cross_site",
    )  # fmt: skip
    form = await Browser(server).ask("POST", "session", None, Content_Type="text/plain")
    assert code(form) == (415, "not_json"), "what a form of another page could send"
    assert (await ann.ask("POST", "dead/retry", {}, Sec_Fetch_Site="same-origin")).status_code == 200


async def test_a_session_ends_when_it_is_not_used_and_when_it_is_old(server: Server, ann: Browser) -> None:
    for _ in range(LONGEST_US // (IDLE_US - SECOND_US)):
        server.clock.us += IDLE_US - SECOND_US
        assert (await ann.ask("GET", "session")).status_code == 200, "each use lets it go on"
    server.clock.us += IDLE_US - SECOND_US
    assert code(await ann.ask("GET", "session")) == (401, "session_ended")
    await ann.log_in("ann@acme.example")
    server.clock.us += IDLE_US
    assert code(await ann.ask("GET", "session")) == (401, "session_ended")


async def test_logging_in_begins_another_session_and_ends_the_one_that_was_brought(
    server: Server, ann: Browser
) -> None:
    server.add("eve", "viewer")
    eve = Browser(server)
    await eve.log_in("eve")
    planted = eve.cookie
    victim = Browser(server)
    victim.cookie = planted
    assert (await victim.log_in("ann@acme.example")).status_code == 200
    assert victim.cookie != planted
    assert code(await eve.ask("GET", "session")) == (401, "session_ended")
    made_up = Browser(server)
    made_up.cookie = "gainstage_session=chosen-by-somebody-else"
    await made_up.log_in("ann@acme.example")
    assert "chosen" not in (made_up.cookie or "")


async def test_no_copy_of_the_store_holds_what_a_browser_or_a_program_sends_or_a_password(
    server: Server, ann: Browser
) -> None:
    made = (await ann.ask("POST", "tokens", {"name": "ci", "role": "viewer"})).json()
    proof = (ann.cookie or "").partition("=")[2]
    assert len(proof) >= 43 and len(made["token"]) >= 43
    content = b"".join(path.read_bytes() for path in server.data.iterdir() if path.is_file())
    for secret in (proof, ann.csrf or "", made["token"], PASSWORD):
        assert secret and secret.encode() not in content
    shown = await ann.ask("GET", "tokens"), await ann.ask("GET", "users"), await ann.ask("GET", "audit")
    assert not any(made["token"] in one.text or "argon2" in one.text for one in shown)


@pytest.mark.parametrize(
    "change", [{"role": "viewer"}, {"password": OTHER}, {"enabled": False}], ids=lambda one: next(iter(one))
)
async def test_all_sessions_of_a_user_end_with_a_change_of_password_role_or_leave(
    server: Server, ann: Browser, change: dict[str, object]
) -> None:
    server.add("bob", "editor")
    bobs = Browser(server), Browser(server)
    for bob in bobs:
        await bob.log_in("bob")
    assert (await ann.ask("PUT", "users/bob", {})).status_code == 200
    assert (await bobs[0].ask("GET", "session")).status_code == 200, "nothing was changed"
    assert (await ann.ask("PUT", "users/BOB", change)).status_code == 200
    for bob in bobs:
        assert code(await bob.ask("GET", "session")) == (401, "session_ended")
    assert (await ann.ask("GET", "session")).status_code == 200


async def test_one_changes_ones_own_password_with_the_old_one_and_stays_logged_in_here_only(
    server: Server, ann: Browser
) -> None:
    elsewhere = Browser(server)
    await elsewhere.log_in("ann@acme.example")
    before = ann.cookie
    wrong = {"current": OTHER, "password": OTHER}
    assert code(await ann.ask("PUT", "session/password", wrong)) == (422, "password_wrong")
    assert code(await ann.ask("PUT", "session/password", {"current": PASSWORD, "password": "short"})) == (
        422, "unusable",
    )  # fmt: skip
    changed = await ann.ask("PUT", "session/password", {"current": PASSWORD, "password": OTHER})
    assert changed.status_code == 200 and ann.cookie != before
    assert (await ann.ask("GET", "session")).status_code == 200
    assert code(await elsewhere.ask("GET", "session")) == (401, "session_ended")
    assert code(await Browser(server).log_in("ann@acme.example")) == (401, "login_refused")
    assert (await Browser(server).log_in("ann@acme.example", OTHER)).status_code == 200


async def test_ones_own_sessions_are_listed_and_ended_and_others_by_admins_only(
    server: Server, ann: Browser
) -> None:
    server.add("bob", "viewer")
    bob, phone = Browser(server), Browser(server)
    await bob.log_in("bob", User_Agent="Desk")
    await phone.log_in("bob", User_Agent="Phone")
    listed = (await bob.ask("GET", "sessions")).json()["sessions"]
    assert [(one["browser"], one["current"]) for one in listed] == [("Phone", False), ("Desk", True)]
    assert (await bob.ask("DELETE", f"sessions/{listed[0]['id']}")).json() == {"ended": 1}
    assert code(await phone.ask("GET", "session")) == (401, "session_ended")
    assert code(await bob.ask("GET", "sessions?user=ann@acme.example")) == (403, "role_insufficient")
    anns = (await ann.ask("GET", "sessions")).json()["sessions"]
    assert code(await bob.ask("DELETE", f"sessions/{anns[0]['id']}")) == (404, "session_unknown")
    await phone.log_in("bob")
    assert (await bob.ask("DELETE", "sessions")).json() == {"ended": 1}, "but the one that asks"
    assert (await ann.ask("DELETE", "sessions?user=bob")).json() == {"ended": 1}
    assert code(await bob.ask("GET", "session")) == (401, "session_ended")
    assert (await program(server).ask("GET", "sessions")).json() == {"sessions": []}


async def test_of_many_log_ins_of_one_user_the_newest_go_on(server: Server, ann: Browser) -> None:
    for _ in range(MOST_SESSIONS):
        await Browser(server).log_in("ann@acme.example")
    assert code(await ann.ask("GET", "session")) == (401, "session_ended")


async def test_the_last_admin_stays(server: Server, ann: Browser) -> None:
    server.add("bob", "admin")
    assert (await ann.ask("PUT", "users/bob", {"enabled": False})).status_code == 200
    for method, body in (("PUT", {"role": "editor"}), ("PUT", {"enabled": False}), ("DELETE", None)):
        assert code(await ann.ask(method, "users/ann@acme.example", body)) == (409, "last_admin")
    assert (await ann.ask("PUT", "users/ann@acme.example", {"role": "admin"})).status_code == 200
    with pytest.raises(UsageError, match="last admin"):
        app.remove_user(server.data, "ann@acme.example")
    await ann.ask("PUT", "users/bob", {"enabled": True})
    assert (await ann.ask("DELETE", "users/ann@acme.example")).status_code == 200
    assert code(await ann.ask("GET", "users")) == (401, "session_ended")


async def test_users_are_added_changed_and_removed_and_names_are_taken_once(
    server: Server, ann: Browser
) -> None:
    bob = {"name": "bob", "role": "viewer", "password": OTHER}
    made = await ann.ask("POST", "users", bob)
    assert (made.status_code, made.json()["role"]) == (201, "viewer")
    assert code(await ann.ask("POST", "users", {**bob, "name": "BOB"})) == (409, "name_taken")
    assert code(await ann.ask("POST", "users", {**bob, "name": "a/b"})) == (422, "unusable")
    assert code(await ann.ask("POST", "users", {**bob, "role": "owner"})) == (400, "invalid_body")
    assert (await ann.ask("DELETE", "users/bob")).status_code == 200
    assert code(await ann.ask("DELETE", "users/bob")) == (404, "user_unknown")
    assert code(await ann.ask("PUT", "users/bob", {"role": "viewer"})) == (404, "user_unknown")


async def test_a_token_has_its_role_until_it_expires_or_is_removed(server: Server, ann: Browser) -> None:
    ci = {"name": "ci", "role": "viewer", "expires_in_days": 1}
    made = await ann.ask("POST", "tokens", ci)
    assert made.status_code == 201 and made.json()["created_by"] == "user Ann@acme.example"
    assert code(await ann.ask("POST", "tokens", {**ci, "name": "CI"})) == (409, "name_taken")
    reader = program(server, made.json()["token"])
    assert (await reader.ask("GET", "dead")).status_code == 200
    assert code(await reader.ask("POST", "dead/retry", {})) == (403, "role_insufficient")
    assert (await reader.ask("GET", "session")).json() == {
        "kind": "token", "name": "ci", "role": "viewer", "csrf": None,
    }  # fmt: skip
    assert code(await reader.ask("DELETE", "session")) == (422, "unusable")
    (listed,) = (await ann.ask("GET", "tokens")).json()["tokens"]
    assert listed["last_used_at"] and not listed["expired"] and "token" not in listed
    server.clock.us = time.time_ns() // 1_000 + 2 * 86_400 * SECOND_US
    assert code(await reader.ask("GET", "dead")) == (401, "api_token_wrong")
    lasting = await program(server).ask("POST", "tokens", {"name": "ops", "role": "editor"})
    ops = program(server, lasting.json()["token"])
    assert (await ops.ask("POST", "dead/retry", {})).status_code == 200
    assert (await program(server).ask("DELETE", "tokens/ops")).json() == {"removed": "ops"}
    assert code(await ops.ask("GET", "dead")) == (401, "api_token_wrong")
    assert code(await program(server).ask("DELETE", "tokens/ops")) == (404, "token_unknown")


async def test_the_servers_own_token_is_an_admins(server: Server) -> None:
    assert (await program(server).ask("GET", "session")).json()["kind"] == "server_token"
    assert (await program(server).ask("GET", "users")).json() == {"users": []}
    assert (await program(server).ask("POST", "users", {
        "name": "ann", "role": "admin", "password": PASSWORD,
    })).status_code == 201  # fmt: skip
    assert code(await program(server, TOKEN[:-1]).ask("GET", "users")) == (401, "api_token_wrong")


async def test_without_a_token_users_and_sessions_are_enough(tmp_path: Path) -> None:
    server = Server(tmp_path, token=None)
    await server.start()
    assert code(await Browser(server).ask("GET", "dead")) == (403, "api_token_not_configured")
    server.add("ann", "viewer")
    ann = Browser(server)
    assert code(await ann.ask("GET", "dead")) == (401, "api_token_missing")
    await ann.log_in("ann")
    assert (await ann.ask("GET", "dead")).status_code == 200
    await server.stop()


@pytest.mark.parametrize(
    ("public_url", "proto", "cookie"),
    [
        (None, "", "gainstage_session=PROOF; Path=/; HttpOnly; SameSite=Lax"),
        (None, "https", "__Host-gainstage_session=PROOF; Path=/; HttpOnly; SameSite=Lax; Secure"),
        ("https://a.example", "", "__Host-gainstage_session=PROOF; Path=/; HttpOnly; SameSite=Lax; Secure"),
        ("https://acme.example/stage", "",
         "__Secure-gainstage_session=PROOF; Path=/stage; HttpOnly; SameSite=Lax; Secure"),
        ("http://localhost/stage", "", "gainstage_session=PROOF; Path=/stage; HttpOnly; SameSite=Lax"),
    ],
)  # fmt: skip
async def test_the_cookie_is_for_no_script_no_other_site_and_where_there_is_tls_for_that_only(
    tmp_path: Path, public_url: str | None, proto: str, cookie: str
) -> None:
    server = Server(tmp_path, public_url=public_url)
    await server.start()
    server.add("ann", "viewer")
    ann = Browser(server, X_Forwarded_Proto=proto)
    given = (await ann.log_in("ann")).headers["set-cookie"]
    proof = given.partition("=")[2].partition(";")[0]
    assert given.replace(proof, "PROOF") == cookie
    assert (await ann.ask("GET", "session")).status_code == 200
    ann.cookie = f"other={proof}"
    assert code(await ann.ask("GET", "session")) == (401, "api_token_missing")
    await server.stop()


@pytest.mark.parametrize("left", ["", "/stage"])
async def test_at_a_sub_path_one_logs_in_whether_the_proxy_takes_that_part_off_or_leaves_it(
    tmp_path: Path, left: str
) -> None:
    server = Server(tmp_path, public_url="https://acme.example/stage")
    await server.start()
    server.add("ann", "editor")
    ann = Browser(server, below=left)
    assert (await ann.log_in("ann")).status_code == 200
    assert (await ann.ask("POST", "dead/retry", {})).status_code == 200
    assert (await Browser(server, below="/staged").ask("GET", "setup")).status_code == 404
    assert (await ann.ask("DELETE", "session")).status_code == 200
    await server.stop()


async def test_no_more_passwords_are_hashed_at_once_than_there_is_memory_for(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"user {number}" for number in range(FREE_OF_ADDRESS)]
    assert len(names) > HASHERS + WAITING_AT_MOST
    begun, go_on, most = [], threading.Event(), []
    verify = app.Passwords.verify

    def held(self: app.Passwords, kept: str, password: str) -> bool:
        begun.append(kept)
        most.append(len(begun))
        assert go_on.wait(60)
        begun.pop()
        return verify(self, kept, password)

    monkeypatch.setattr(app.Passwords, "verify", held)
    everybody = [asyncio.create_task(Browser(server).log_in(name)) for name in names]
    answered, _ = await asyncio.wait(everybody, return_when=asyncio.FIRST_COMPLETED)
    assert {code(one.result()) for one in answered} == {(503, "unavailable")}
    go_on.set()
    codes = [code(await one) for one in everybody]
    assert max(most) <= HASHERS
    assert codes.count((503, "unavailable")) == len(everybody) - HASHERS - WAITING_AT_MOST
    assert codes.count((401, "login_refused")) == HASHERS + WAITING_AT_MOST


async def test_a_password_hashed_with_former_parameters_is_hashed_anew_at_the_next_log_in(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("ann", "viewer")
    with server.store.reading() as reading:
        before = reading.accounts.user("ann")
    monkeypatch.setattr(app.Passwords, "is_outdated", lambda self, kept: True)
    await Browser(server).log_in("ann", "wrong password")
    with server.store.reading() as reading:
        assert reading.accounts.user("ann") == before
    await Browser(server).log_in("ann")
    with server.store.reading() as reading:
        after = reading.accounts.user("ann")
    assert before and after and after.password != before.password and after.password_us == before.password_us
    monkeypatch.undo()
    assert (await Browser(server).log_in("ann")).status_code == 200
