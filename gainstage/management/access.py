"""Who may ask: whoever has the token. Comparing takes as long for every token; guessing is slowed down."""

import logging
from collections import Counter, deque
from collections.abc import Callable, MutableMapping
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

from gainstage.clock import SECOND_US, Clock
from gainstage.errors import UsageError
from gainstage.management.answers import Problem

VARIABLE = "GAINSTAGE_API_TOKEN"
SHORTEST_TOKEN = 32
LONGEST_TOKEN = 4096
#: So many refusals an address gets within this time; then it is sent away, whatever token it brings.
FAILURES = 10
WINDOW_SECONDS = 60
#: Addresses that are remembered; beyond, the one that failed first is forgotten.
ADDRESSES = 4096
REALM = 'Bearer realm="gainstage"'

_log = logging.getLogger("gainstage.management")


def read_token(file: Path | None, environment: MutableMapping[str, str]) -> str | None:
    """The token of a file, else of the environment, from which it is taken out: no configuration can refer to
    it, and no other process is given it. None where there is none.

    Raises:
        UsageError: it cannot be read or used.
    """
    given = environment.pop(VARIABLE, "").strip()
    if file is None:
        return _usable(given, VARIABLE) if given else None
    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST_TOKEN + 2)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}.") from None
    return _usable(content.decode("utf-8", "replace").strip(), str(file))


def _usable(token: str, place: str) -> str:
    if len(token) < SHORTEST_TOKEN:
        raise UsageError(
            f"The token in {place} is shorter than {SHORTEST_TOKEN} characters: make a long one at random, "
            f"for example with: openssl rand -hex 32"
        )
    if len(token) > LONGEST_TOKEN or not all("!" <= character <= "~" for character in token):
        raise UsageError(
            f"The token in {place} cannot be sent in a header: make one of letters and digits, "
            f"for example with: openssl rand -hex 32"
        )
    return token


class Access:
    """Lets requests pass, or says why not. `client` tells the address behind trusted proxies, "" if none."""

    def __init__(
        self,
        token: str | None,
        clock: Clock,
        client: Callable[[Any], str],
        refused: Counter[tuple[str, str]],
    ) -> None:
        self._digest = sha256(token.encode()).digest() if token is not None else None
        self._clock = clock
        self._client = client
        self._refused = refused
        self._failures: dict[str, deque[int]] = {}

    def check(self, scope: Any) -> None:
        """Return if the request may pass.

        Raises:
            Problem: it may not.
        """
        try:
            self._check(scope)
        except Problem as problem:
            self._refused[(problem.code, "")] += 1
            raise

    def _check(self, scope: Any) -> None:
        if self._digest is None:
            raise Problem(
                403,
                "api_token_not_configured",
                f"No token is configured, so nobody may ask: start the server with {VARIABLE} in its "
                "environment, or with --api-token-file FILE.",
            )
        address, now_us = self._address(scope), self._clock.now_us()
        failures = self._recent(address, now_us)
        if len(failures) >= FAILURES:
            seconds = max(1, -((now_us - failures[0] - WINDOW_SECONDS * SECOND_US) // SECOND_US))
            raise Problem(
                429,
                "too_many_failures",
                f"Too many requests without the right token came from this address: wait {seconds} s.",
                retry_after=str(seconds),
            )
        given = _bearer(scope)
        if given is not None and compare_digest(sha256(given).digest(), self._digest):
            return
        self._fail(address, failures, now_us)
        if given is None:
            raise Problem(
                401,
                "api_token_missing",
                "This needs the token of the server: send it as `Authorization: Bearer TOKEN`.",
                www_authenticate=REALM,
            )
        raise Problem(
            401,
            "api_token_wrong",
            "This is not the token of the server: send the one that it was started with.",
            www_authenticate=f'{REALM}, error="invalid_token"',
        )

    def _recent(self, address: str, now_us: int) -> deque[int]:
        failures = self._failures.get(address, deque())
        while failures and failures[0] <= now_us - WINDOW_SECONDS * SECOND_US:
            failures.popleft()
        return failures

    def _fail(self, address: str, failures: deque[int], now_us: int) -> None:
        failures.append(now_us)
        self._failures[address] = failures
        if len(self._failures) > ADDRESSES:
            del self._failures[next(iter(self._failures))]
        if len(failures) == FAILURES:
            _log.warning(
                "%s asked %d times within a minute without the right token: it is sent away for a while",
                address or "somebody",
                FAILURES,
            )

    def _address(self, scope: Any) -> str:
        """Whose failures count together; of an IPv6 address the network, which one machine has all of."""
        peer = scope.get("client")
        text = self._client(scope) or (str(peer[0]) if peer else "")
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return text
        if not isinstance(address, IPv6Address):
            return text
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


def _bearer(scope: Any) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return bytes(value[7:]).strip()
    return None
