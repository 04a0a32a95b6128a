"""Access tokens: given to clients that have proved who they are, checked with every request that needs one.

A token is signed and not stored: it says whose it is and until when, and counts as long as a source in force
names the key that it was given for. PyJWT is imported with the first token only; most servers never need it.
"""

import secrets
from hashlib import sha256
from typing import Any, NamedTuple

from gainstage.clock import SECOND_US, Clock
from gainstage.connection import OAuth
from gainstage.ingest.answers import Refused, refusal
from gainstage.ingest.asgi import RequestHeaders
from gainstage.ingest.clients import Client, Clients, fingerprint
from gainstage.ingest.token_secret import TokenSecret

SCOPE = "tracking_api:write"
#: As long as Segment's. SDKs renew theirs after half of it, and one of them loses a batch if it finds the
#: server away just then. A key that leaves the configuration ends its tokens at once, so age is no danger.
TOKEN_SECONDS = 86_400
TOKEN_CHARACTERS = 4096
#: Tokens that were checked and need no second look, at most.
CHECKED_TOKENS = 4096
_ALGORITHM = "HS256"
_ISSUER = "gainstage"

TOKEN_MISSING = refusal(
    401,
    "token_missing",
    "this source takes events with an OAuth token only: give the SDK its OAuth settings",
    www_authenticate="Bearer",
)
#: 511, after which Segment's SDKs get a new token and send the events again. After a 401 they drop them.
TOKEN_INVALID = refusal(
    511,
    "token_invalid",
    "the token has expired, or was not given here, or its key is no longer configured: get a new one",
    www_authenticate='Bearer error="invalid_token"',
)
TOKEN_OF_ANOTHER_SOURCE = refusal(
    403,
    "token_of_another_source",
    "the token is good, but `oauth` of the write key's source does not name its key",
    www_authenticate='Bearer error="insufficient_scope"',
)


class _Checked(NamedTuple):
    fingerprint: str
    expires_us: int


class AccessTokens:
    """Gives and checks tokens."""

    def __init__(self, clients: Clients, clock: Clock, secret: TokenSecret) -> None:
        self._clients = clients
        self._clock = clock
        self._secret = secret
        self._checked: dict[bytes, _Checked] = {}

    def issue(self, client: Client) -> str:
        """A new token for a client."""
        import jwt

        now = self._clock.now_us() // SECOND_US
        claims = {
            "iss": _ISSUER,
            "sub": client.id,
            "key": client.fingerprint,
            "scope": SCOPE,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode(claims, self._secret(), _ALGORITHM, headers={"typ": "at+jwt"})

    def check(self, oauth: OAuth, headers: RequestHeaders) -> None:
        """Let a request to a source with this `oauth` pass.

        Raises:
            Refused: it needs a token and has none, or has one that does not count here.
        """
        token = bearer_token(headers)
        if token is None:
            if oauth.required:
                raise Refused(TOKEN_MISSING)
            return
        found = self._holder(token)
        if found is None or not self._clients.knows(found):
            raise Refused(TOKEN_INVALID)
        if found not in map(fingerprint, oauth.keys):
            raise Refused(TOKEN_OF_ANOTHER_SOURCE)

    def _holder(self, token: bytes) -> str | None:
        """The fingerprint of the key that a token was given for; None if it does not count now."""
        if len(token) > TOKEN_CHARACTERS:
            return None
        digest = sha256(token).digest()
        checked = self._checked.get(digest)
        if checked is None:
            checked = self._read(token)
            if checked is None:
                return None
            if len(self._checked) >= CHECKED_TOKENS:
                self._checked.clear()
            self._checked[digest] = checked
        return checked.fingerprint if self._clock.now_us() < checked.expires_us else None

    def _read(self, token: bytes) -> _Checked | None:
        import jwt

        # The time is checked by our own clock, and with every use.
        options: Any = {"require": ["exp", "sub", "key"], "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(
                token, self._secret(), algorithms=[_ALGORITHM], issuer=_ISSUER, options=options
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        return _Checked(claims["key"], claims["exp"] * SECOND_US) if claims.get("scope") == SCOPE else None


def bearer_token(headers: RequestHeaders) -> bytes | None:
    """The token of Bearer authentication; None if there is none."""
    value = headers.get(b"authorization")
    return value[7:].strip() if value is not None and value[:7].lower() == b"bearer " else None
