"""Who may ask: whoever has a token, or a session. Comparing takes as long for every token; guessing is slowed
down.
"""

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Protocol

from gainstage.accounts import OPERATOR, Known
from gainstage.clock import SECOND_US, Clock
from gainstage.errors import UsageError
from gainstage.management.answers import Problem
from gainstage.management.cookies import Cookies

VARIABLE = "GAINSTAGE_API_TOKEN"
SHORTEST_TOKEN = 32
LONGEST_TOKEN = 4096
#: So many refusals an address gets within this time; then it is sent away, whatever token it brings.
FAILURES = 10
WINDOW_SECONDS = 60
#: Addresses that are remembered; beyond, the one that failed first is forgotten.
ADDRESSES = 4096
REALM = 'Bearer realm="gainstage"'
CSRF_HEADER = b"x-csrf-token"
#: What changes nothing.
HARMLESS = ("GET", "HEAD", "OPTIONS")
#: What browsers say in Sec-Fetch-Site of pages of ours, and of what somebody typed.
OUR_PAGES = (b"same-origin", b"none")

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


class Credentials(Protocol):
    """Looks up what is sent as proof; waits for nobody."""

    def session(self, proof: str, now_us: int) -> Known | None:
        """Whose session it is."""

    def token(self, proof: bytes, now_us: int) -> Known | None:
        """Whose token it is."""

    def any(self) -> bool:
        """Whether anybody could have one."""


class Access:
    """Lets requests pass, or says why not. `client` tells the address behind trusted proxies, "" if none."""

    def __init__(
        self,
        token: str | None,
        clock: Clock,
        client: Callable[[Any], str],
        refused: Counter[tuple[str, str]],
        credentials: Credentials | None = None,
        cookies: Cookies | None = None,
    ) -> None:
        self._digest = sha256(token.encode()).digest() if token is not None else None
        self._clock = clock
        self._client = client
        self._refused = refused
        self._credentials = credentials
        #: How a browser's session is read and written.
        self.cookies = cookies or Cookies()
        self._failures: dict[str, deque[int]] = {}

    def now_us(self) -> int:
        """The time by which sessions begin and end."""
        return self._clock.now_us()

    def check(self, scope: Any) -> Known:
        """Who asks, if the request may pass.

        Raises:
            Problem: it may not.
        """
        with self._counted():
            given = _bearer(scope)
            if given is None and (proof := self.cookies.read(scope)) is not None:
                return self._check_session(scope, proof)
            return self._check_token(scope, given)

    def check_origin(self, scope: Any) -> None:
        """Return unless a page of somebody else has the browser ask; for what a browser may ask without a
        session.

        Raises:
            Problem: it does.
        """
        with self._counted():
            _refuse_other_pages(scope)

    def guessed(self, scope: Any) -> None:
        """Count what was sent as proof and is none; what is sent after too many is not looked at."""
        address, now_us = self.network(scope), self._clock.now_us()
        self._fail(address, self._recent(address, now_us), now_us)

    def check_failures(self, scope: Any) -> None:
        """Return unless too much came from there that was no proof.

        Raises:
            Problem: it did.
        """
        now_us = self._clock.now_us()
        failures = self._recent(self.network(scope), now_us)
        if len(failures) >= FAILURES:
            seconds = max(1, -((now_us - failures[0] - WINDOW_SECONDS * SECOND_US) // SECOND_US))
            raise Problem(
                429,
                "too_many_failures",
                f"Too many requests without the right token came from this address: wait {seconds} s.",
                retry_after=str(seconds),
            )

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except Problem as problem:
            self._refused[(problem.code, "")] += 1
            raise

    def _check_session(self, scope: Any, proof: str) -> Known:
        known = self._credentials.session(proof, self._clock.now_us()) if self._credentials else None
        if known is None:  # nobody guesses 256 bits: it ended, and whoever had it is not held off
            raise Problem(
                401,
                "session_ended",
                "This session has ended: log in again.",
                www_authenticate=REALM,
                set_cookie=self.cookies.taken(scope),
            )
        if scope["method"] not in HARMLESS:
            _refuse_other_pages(scope)
            given, wanted = _header(scope, CSRF_HEADER), known.caller.csrf
            if wanted is None or given is None or not compare_digest(given, wanted.encode()):
                raise Problem(
                    403,
                    "csrf_token_wrong",
                    "What changes something needs the session's CSRF token: send what GET /api/session gives "
                    "as `csrf` in the header X-CSRF-Token.",
                )
        return known

    def _check_token(self, scope: Any, given: bytes | None) -> Known:
        credentials = self._credentials
        if self._digest is None and (credentials is None or not credentials.any()):
            raise Problem(
                403,
                "api_token_not_configured",
                f"No token is configured and there is no user, so nobody may ask: start the server with "
                f"{VARIABLE} in its environment or with --api-token-file FILE, or add a user.",
            )
        self.check_failures(scope)
        if given is not None:
            if self._digest is not None and compare_digest(sha256(given).digest(), self._digest):
                return Known(OPERATOR, False)
            if credentials is not None and (known := credentials.token(given, self._clock.now_us())):
                return known
        self.guessed(scope)
        if given is None:
            raise Problem(
                401,
                "api_token_missing",
                "This needs a token or a session: send `Authorization: Bearer TOKEN`, or log in.",
                www_authenticate=REALM,
            )
        raise Problem(
            401,
            "api_token_wrong",
            "This is no token that is taken here: send the one that the server was started with, or one that "
            "is in the list of tokens and has not expired.",
            www_authenticate=f'{REALM}, error="invalid_token"',
        )

    def _recent(self, address: str, now_us: int) -> deque[int]:
        failures = self._failures.get(address, deque())
        while failures and failures[0] <= now_us - WINDOW_SECONDS * SECOND_US:
            failures.popleft()
        return failures

    def _fail(self, address: str, failures: deque[int], now_us: int) -> None:
        """Note a failure. The log is told how many addresses are sent away by now, and none of them."""
        failures.append(now_us)
        self._failures[address] = failures
        if len(self._failures) > ADDRESSES:
            del self._failures[next(iter(self._failures))]
        if len(failures) == FAILURES:
            many = [one for one in [*self._failures] if len(self._recent(one, now_us)) >= FAILURES]
            _log.warning(
                "guessing_slowed",
                extra={"failures": FAILURES, "within_seconds": WINDOW_SECONDS, "sent_away": len(many)},
            )

    def address(self, scope: Any) -> str:
        """Where a request comes from; "" if that is not known."""
        peer = scope.get("client")
        return self._client(scope) or (str(peer[0]) if peer else "")

    def network(self, scope: Any) -> str:
        """Whose failures count together; of an IPv6 address the network, which one machine has all of."""
        text = self.address(scope)
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return text
        if not isinstance(address, IPv6Address):
            return text
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


def _refuse_other_pages(scope: Any) -> None:
    """Browsers say whose page has them ask; what is no browser says nothing."""
    if (_header(scope, b"sec-fetch-site") or b"none") not in OUR_PAGES:
        raise Problem(
            403, "cross_site", "A page of another site may not ask for this: open gainstage itself."
        )


def _bearer(scope: Any) -> bytes | None:
    value = _header(scope, b"authorization")
    return value[7:].strip() if value is not None and value[:7].lower() == b"bearer " else None


def _header(scope: Any, wanted: bytes) -> bytes | None:
    return next((bytes(value) for name, value in scope["headers"] if name == wanted), None)
