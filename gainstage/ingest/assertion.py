"""The signed assertion by which a client says who it is (RFC 7523), checked claim by claim."""

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from gainstage.clock import SECOND_US
from gainstage.ingest.answers import Answer
from gainstage.ingest.clients import Client, Clients
from gainstage.ingest.oauth_answers import (
    CLIENTS_UNCERTAIN,
    EXPIRED,
    NOT_YET,
    REPLAYED,
    UNKNOWN_CLIENT,
    Denied,
    invalid_client,
    later,
)

#: How long an assertion may be good for.
LIFETIME_SECONDS = 60
#: SDKs take iat and exp from two looks at the clock, each rounded.
ROUNDING_SECONDS = 2
#: How far the clocks of a client and of this machine may be apart.
LEEWAY_SECONDS = 10
#: Longer than any assertion can still be good after it was first seen.
REMEMBERED_SECONDS = LIFETIME_SECONDS + ROUNDING_SECONDS + 2 * LEEWAY_SECONDS + 1
#: Of one key; more have to wait, so that what is remembered has an end.
REMEMBERED_AT_MOST = 1000
ID_CHARACTERS = 255
_ALGORITHMS = ["RS256"]

Claims = Mapping[str, Any]


class Seen:
    """The ids of the assertions of late, by key: each counts once. A restart forgets them."""

    def __init__(self) -> None:
        self._by_key: dict[str, dict[str, int]] = {}

    def add(self, fingerprint: str, jti: str, now_us: int) -> None:
        """Remember one.

        Raises:
            Denied: it was there, or there are too many of its key.
        """
        seen = self._by_key.setdefault(fingerprint, {})
        forgotten_us = now_us - REMEMBERED_SECONDS * SECOND_US
        while seen and next(iter(seen.values())) <= forgotten_us:
            del seen[next(iter(seen))]
        if jti in seen:
            raise Denied(REPLAYED)
        if len(seen) >= REMEMBERED_AT_MOST:
            wait_us = next(iter(seen.values())) - forgotten_us
            wait_seconds = max(1, min(REMEMBERED_SECONDS, -(-wait_us // SECOND_US)))
            raise Denied(later("slow_down", "too many requests for tokens with this key", wait_seconds))
        seen[jti] = now_us


def proved_client(clients: Clients, assertion: str, complete: bool) -> tuple[Client, Claims]:
    """The client that signed an assertion, and its claims, of which nothing else is checked yet.

    Raises:
        Denied: nobody did.
    """
    if not clients:
        raise Denied(_unknown(complete))
    import jwt

    unread: Any = {"verify_signature": False}
    try:
        said = jwt.decode_complete(assertion, options=unread)
        client_id, key_id = said["payload"].get("iss"), said["header"].get("kid")
        known = isinstance(client_id, str) and isinstance(key_id, str)
        found = clients.find(client_id, key_id) if known else None
        if found is None:
            raise Denied(_unknown(complete))
        # Times and audience are checked below, by our own clock and all that may be the audience.
        options: Any = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "sub", "jti")}
        return found, jwt.decode(assertion, found.public_key, algorithms=_ALGORITHMS, options=options)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Denied(UNKNOWN_CLIENT) from None


def check_claims(client: Client, claims: Claims, address_asked: str, now_us: int) -> None:
    """Whether a client's assertion is for us, and for now.

    Raises:
        Denied: it is not.
    """
    if claims.get("sub") != client.id:
        raise Denied(invalid_client("iss and sub must both be the client id"))
    audiences = client.audiences | ({address_asked} if client.takes_address_asked else set())
    given = claims.get("aud")
    named = given if isinstance(given, list) else [given]
    if not {_same_address(one) for one in named} & {_same_address(one) for one in audiences} - {""}:
        allowed = " or ".join(sorted(audiences))
        raise Denied(
            invalid_client(f"aud must be {allowed}; `audiences` of the source's `oauth` can name more")
        )
    issued, expires, not_before = (_instant(claims.get(name)) for name in ("iat", "exp", "nbf"))
    if issued is None or expires is None:
        raise Denied(invalid_client("iat and exp must be numbers"))
    now = now_us / SECOND_US
    if expires - issued > LIFETIME_SECONDS + ROUNDING_SECONDS:
        raise Denied(invalid_client(f"exp must be at most {LIFETIME_SECONDS} s after iat"))
    if max(issued, not_before or issued) > now + LEEWAY_SECONDS:
        raise Denied(NOT_YET)
    if expires <= now - LEEWAY_SECONDS:
        raise Denied(EXPIRED)


def assertion_id(claims: Claims) -> str:
    """The jti.

    Raises:
        Denied: there is none to remember.
    """
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= ID_CHARACTERS:
        raise Denied(invalid_client(f"jti must be a text of at most {ID_CHARACTERS} characters"))
    return jti


def _unknown(complete: bool) -> Answer:
    return UNKNOWN_CLIENT if complete else CLIENTS_UNCERTAIN


def _instant(value: Any) -> float | None:
    """Seconds since the epoch, whole or not."""
    if type(value) not in (int, float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def _same_address(text: Any) -> str:
    """An address as its equals are written; "" for what is none."""
    try:
        parts = urlsplit(text if isinstance(text, str) else "")
        port = parts.port
    except ValueError:
        return ""
    if not parts.hostname:
        return ""
    default = {"http": 80, "https": 443}.get(parts.scheme)
    path = parts.path.rstrip("/").removesuffix("/token").rstrip("/")
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port not in (None, default) else "") + path
