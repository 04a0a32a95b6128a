"""Who may manage a server, and what they did, as plain values."""

from typing import NamedTuple

import msgspec


class UserRow(msgspec.Struct, frozen=True):
    """A person with a password, of which the hash is kept. `folded`: the name as it is compared."""

    id: int
    name: str
    folded: str
    role: str
    enabled: bool
    password: str
    created_us: int
    #: When the password was last set, and when the user last logged in.
    password_us: int
    seen_us: int | None = None


class SessionRow(NamedTuple):
    """A log-in that lasts. `digest`: of what the browser sends."""

    id: int
    digest: bytes
    user_id: int
    created_us: int
    seen_us: int
    address: str
    agent: str


class TokenRow(NamedTuple):
    """A token for programs. `digest`: of what they send."""

    id: int
    name: str
    folded: str
    digest: bytes
    role: str
    created_us: int
    #: Who made it, in words.
    maker: str
    expires_us: int | None = None
    used_us: int | None = None


class AuditRow(NamedTuple):
    """What somebody did, or was refused. `kind` says what the actor is; `detail` is JSON."""

    id: int
    at_us: int
    kind: str
    actor: str
    action: str
    object: str
    outcome: str
    address: str
    detail: bytes


class AuditFilter(NamedTuple):
    """Which of it; None for all."""

    actor: str | None = None
    action: str | None = None
    outcome: str | None = None
    since_us: int | None = None
    until_us: int | None = None
