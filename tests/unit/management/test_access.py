"""Who may use the management API, and how guessing is slowed down."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gainstage.clock import SECOND_US
from gainstage.errors import UsageError
from gainstage.ingest.proxies import trusted_proxies
from gainstage.management import Access, read_token
from gainstage.management.access import ADDRESSES, FAILURES, LONGEST_TOKEN
from gainstage.management.answers import Problem
from tests.unit.ingest.requests import StandingClock

TOKEN = "0123456789abcdef0123456789abcdef"


class Door:
    """An access, and what came of asking."""

    def __init__(self, token: str | None = TOKEN, *proxies: str) -> None:
        self.clock = StandingClock()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.access = Access(token, self.clock, trusted_proxies(proxies).client, self.refused)

    def ask(self, given: str | None = None, peer: str = "192.0.2.1", **headers: str) -> Problem | None:
        found = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        if given is not None:
            found.append((b"authorization", given.encode()))
        scope: dict[str, Any] = {"type": "http", "client": (peer, 1), "headers": found}
        try:
            self.access.check(scope)
        except Problem as problem:
            return problem
        return None

    def status(self, given: str | None = None, peer: str = "192.0.2.1", **headers: str) -> int:
        problem = self.ask(given, peer, **headers)
        return problem.status if problem else 200


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Bearer  {TOKEN} "])
def test_the_token_lets_pass(given: str) -> None:
    door = Door()
    assert door.ask(given) is None
    assert not door.refused


@pytest.mark.parametrize(
    "given",
    [None, "", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}0", f"Bearer {TOKEN[:-1]}"],
)
def test_anything_else_does_not_and_is_counted(given: str | None) -> None:
    door = Door()
    problem = door.ask(given)
    assert problem is not None and problem.status == 401
    assert problem.headers["www-authenticate"].startswith('Bearer realm="gainstage"')
    assert TOKEN not in problem.message
    assert door.refused == {(problem.code, ""): 1}
    wrong = given is not None and given.startswith("Bearer ")
    assert problem.code == ("api_token_wrong" if wrong else "api_token_missing")


def test_a_token_that_is_no_ascii_is_just_wrong() -> None:
    assert Door().status("Bearer ümläut") == 401


def test_without_a_token_nobody_passes_and_hears_how_to_configure_one() -> None:
    problem = Door(None).ask(f"Bearer {TOKEN}")
    assert problem is not None and (problem.status, problem.code) == (403, "api_token_not_configured")
    assert "GAINSTAGE_API_TOKEN" in problem.message and "--api-token-file" in problem.message


def test_an_address_that_fails_too_often_is_sent_away_until_a_minute_has_passed() -> None:
    door = Door()
    for _ in range(FAILURES):
        assert door.status("Bearer wrong") == 401
        door.clock.us += SECOND_US
    problem = door.ask(f"Bearer {TOKEN}")
    assert problem is not None and problem.status == 429, "the right token, too: a guess must not pay"
    assert problem.headers["retry-after"] == "50", "until the first failure is a minute old"
    assert door.status(f"Bearer {TOKEN}", peer="192.0.2.2") == 200
    door.clock.us += 50 * SECOND_US
    assert door.status(f"Bearer {TOKEN}") == 200
    assert door.refused == {("api_token_wrong", ""): FAILURES, ("too_many_failures", ""): 1}


def test_the_log_tells_of_guessing_and_of_nobodys_address(caplog: pytest.LogCaptureFixture) -> None:
    door = Door(TOKEN, "192.0.2.1")
    for address in ("203.0.113.7", "2001:db8:77::1"):
        for _ in range(FAILURES + 1):
            door.ask("Bearer wrong", x_forwarded_for=address)
    said = [vars(record) for record in caplog.records]
    assert [(one["message"], one["failures"], one["sent_away"]) for one in said] == [
        ("guessing_slowed", FAILURES, 1),
        ("guessing_slowed", FAILURES, 2),
    ]
    assert not any(part in str(said) for part in ("203.0.113", "2001:db8", "192.0.2.1", "wrong"))


def test_refusals_while_sent_away_do_not_make_it_longer() -> None:
    door = Door()
    for _ in range(3 * FAILURES):
        door.ask("Bearer wrong")
    door.clock.us += 60 * SECOND_US
    assert door.status(f"Bearer {TOKEN}") == 200


def test_the_addresses_of_one_ipv6_network_fail_together() -> None:
    door = Door()
    for number in range(FAILURES):
        assert door.status("Bearer wrong", peer=f"2001:db8:1:2::{number:x}") == 401
    assert door.status(f"Bearer {TOKEN}", peer="2001:db8:1:2:ffff::1") == 429
    assert door.status(f"Bearer {TOKEN}", peer="2001:db8:1:3::1") == 200


def test_behind_a_trusted_proxy_the_address_is_the_senders() -> None:
    door = Door(TOKEN, "192.0.2.1")
    for _ in range(FAILURES):
        assert door.status("Bearer wrong", x_forwarded_for="198.51.100.1") == 401
    assert door.status(f"Bearer {TOKEN}", x_forwarded_for="198.51.100.1") == 429
    assert door.status(f"Bearer {TOKEN}", x_forwarded_for="198.51.100.2") == 200


def test_what_is_remembered_of_failures_is_bounded() -> None:
    door = Door()
    for number in range(ADDRESSES + 5):
        door.ask("Bearer wrong", peer=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(door.access._failures) == ADDRESSES


def test_a_token_comes_from_its_file_without_the_line_end(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    environment = {"GAINSTAGE_API_TOKEN": "e" * 40}
    assert read_token(file, environment) == TOKEN
    assert not environment, "taken out, though the file wins"


@pytest.mark.parametrize("environment", [{}, {"GAINSTAGE_API_TOKEN": ""}, {"GAINSTAGE_API_TOKEN": " "}])
def test_there_is_no_default(environment: dict[str, str]) -> None:
    assert read_token(None, environment) is None


@pytest.mark.parametrize(
    "content", [b"", b"brief", b"x" * 31, b"two words " * 10, b"x" * (LONGEST_TOKEN + 1), b"\xff" * 40]
)
def test_a_token_that_cannot_be_used_is_refused_in_one_sentence_without_it(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        read_token(file, {})
    said = str(refused.value)
    assert str(file) in said and "openssl rand -hex 32" in said
    assert not content or content.decode("latin-1") not in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="absent cannot be read"):
        read_token(tmp_path / "absent", {})
