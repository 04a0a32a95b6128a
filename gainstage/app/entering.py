"""Log-ins: who asks with a session or a token, how a session begins and when it ends."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gainstage.accounts import (
    Caller,
    Known,
    Passwords,
    csrf_of,
    digest_of,
    folded,
    judged_password,
    new_proof,
)
from gainstage.app.admitting import found
from gainstage.app.folder import opened_store
from gainstage.app.moments import iso
from gainstage.clock import DAY_US, MINUTE_US
from gainstage.errors import UnknownSession
from gainstage.store.account_rows import SessionRow, UserRow
from gainstage.store.contract import Transaction
from gainstage.store.store import Store

#: A session ends when it was not used for so long, and so long after it began.
IDLE_US = 12 * 60 * MINUTE_US
LONGEST_US = 7 * DAY_US
#: Of a user's sessions the newest so many go on.
MOST_SESSIONS = 20
#: When something was used last is written again after so long.
SEEN_EVERY_US = MINUTE_US
AGENT_CHARACTERS = 200


class Begun(NamedTuple):
    """A session that has begun: what the browser sends from now on, and whose it is."""

    proof: str
    caller: Caller


class Credentials:
    """Looks proofs up in the store. It reads a few rows and waits for nobody: an event loop may ask it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def session(self, proof: str, now_us: int) -> Known | None:
        """Whose session it is; None where it has ended, or there was none."""
        with self._store.reading() as reading:
            found = reading.accounts.session(digest_of(proof))
        if found is None:
            return None
        session, user = found
        if not user.enabled or now_us >= ends_us(session):
            return None
        return Known(_caller(user, session.id, proof), now_us - session.seen_us >= SEEN_EVERY_US)

    def token(self, proof: bytes, now_us: int) -> Known | None:
        """Whose token it is; None where there is none, or its time is over."""
        with self._store.reading() as reading:
            row = reading.accounts.token(digest_of(proof))
        if row is None or (row.expires_us is not None and now_us >= row.expires_us):
            return None
        is_news = row.used_us is None or now_us - row.used_us >= SEEN_EVERY_US
        return Known(Caller("token", row.name, row.role, row.id), is_news)

    def any(self) -> bool:
        """Whether anybody could have one."""
        with self._store.reading() as reading:
            return reading.accounts.any_user() or bool(reading.accounts.tokens())

    def any_user(self) -> bool:
        """Whether there is a user."""
        with self._store.reading() as reading:
            return reading.accounts.any_user()


def note_use(data: Path, caller: Caller, now_us: int) -> None:
    """Write down that a session or a token was used."""
    with opened_store(data) as store, store.transaction() as transaction:
        if caller.session is not None:
            transaction.accounts.seen(caller.session, now_us)
        elif caller.number is not None:
            transaction.accounts.used(caller.number, now_us)


class Device(NamedTuple):
    """Where somebody logs in: the address, what the browser says it is, and the session it had."""

    address: str
    agent: str
    before: str | None = None


def log_in(
    data: Path, name: str, password: str, passwords: Passwords, device: Device, now_us: int
) -> Begun | None:
    """Begin a session; None where there is no such user, it is disabled, or the password is wrong. All of
    these take equally long. The session that the browser had ends.
    """
    with opened_store(data) as store:
        with store.reading() as reading:
            row = reading.accounts.user(folded(name))
        right = passwords.verify(row.password if row else passwords.nobodys, password)
        if row is None or not right or not row.enabled:
            return None
        anew = passwords.hash(password) if passwords.is_outdated(row.password) else row.password
        with store.transaction() as transaction:
            now = transaction.accounts.user(row.folded)
            if now is None or now.id != row.id or now.password != row.password or not now.enabled:
                return None  # changed while the password was verified
            row = msgspec.structs.replace(now, password=anew, seen_us=now_us)
            transaction.accounts.save_user(row)
            return _begin(transaction, row, device, now_us)


def _begin(transaction: Transaction, row: UserRow, device: Device, now_us: int) -> Begun:
    accounts = transaction.accounts
    accounts.let_go(now_us - IDLE_US, now_us - LONGEST_US)
    if device.before is not None and (had := accounts.session(digest_of(device.before))) is not None:
        accounts.end_session(had[0].id, had[1].id)
    proof = new_proof()
    agent = "".join(character for character in device.agent if character.isprintable())
    begun = SessionRow(0, digest_of(proof), row.id, now_us, now_us, device.address, agent[:AGENT_CHARACTERS])
    return Begun(proof, _caller(row, accounts.begin_session(begun, MOST_SESSIONS), proof))


def change_password(
    data: Path, caller: Caller, old: str, new: str, passwords: Passwords, device: Device
) -> Begun | None:
    """Change one's own password; None where the old one is wrong. All sessions end, and another one begins.

    Raises:
        UsageError: the new one cannot be used.
    """
    judged_password(new, caller.name)
    now_us = time.time_ns() // 1_000
    with opened_store(data) as store:
        with store.reading() as reading:
            row = found(reading.accounts, caller.name)
        if not passwords.verify(row.password, old):
            return None
        anew = passwords.hash(new)
        with store.transaction() as transaction:
            now = transaction.accounts.user(row.folded)
            if now is None or now.id != row.id or now.password != row.password or not now.enabled:
                return None
            row = msgspec.structs.replace(now, password=anew, password_us=now_us)
            transaction.accounts.save_user(row)
            transaction.accounts.end_sessions(row.id)
            return _begin(transaction, row, device, now_us)


def sessions(data: Path, name: str, caller: Caller, now_us: int) -> list[dict[str, Any]]:
    """The sessions of a user that go on, the newest first.

    Raises:
        UnknownUser: there is none of this name.
    """
    with opened_store(data) as store, store.reading() as reading:
        row = found(reading.accounts, name)
        rows = reading.accounts.sessions(row.id)
    return [
        {
            "id": one.id,
            "user": row.name,
            "created_at": iso(one.created_us),
            "last_used_at": iso(one.seen_us),
            "ends_at": iso(ends_us(one)),
            "address": one.address,
            "browser": one.agent,
            "current": one.id == caller.session,
        }
        for one in rows
        if now_us < ends_us(one)
    ]


def end_session(data: Path, name: str, number: int) -> None:
    """End a session of a user.

    Raises:
        UnknownSession: the user has none of this number.
    """
    with opened_store(data) as store, store.transaction() as transaction:
        row = found(transaction.accounts, name)
        if not transaction.accounts.end_session(number, row.id):
            raise UnknownSession(f"{row.name} has no session {number}: it may have ended already.")


def end_sessions(data: Path, name: str, but: int | None = None) -> int:
    """End all sessions of a user, but this one; how many.

    Raises:
        UnknownUser: there is none of this name.
    """
    with opened_store(data) as store, store.transaction() as transaction:
        return transaction.accounts.end_sessions(found(transaction.accounts, name).id, but)


def ends_us(session: SessionRow) -> int:
    """When a session ends if it is not used any more."""
    return min(session.seen_us + IDLE_US, session.created_us + LONGEST_US)


def _caller(user: UserRow, session: int, proof: str) -> Caller:
    return Caller("user", user.name, user.role, user.id, session, csrf_of(proof))
