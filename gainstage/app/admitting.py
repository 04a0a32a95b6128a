"""Who may log in: made, changed and removed, by an admin, by an operator, or at the first run."""

import time
from pathlib import Path
from typing import Any

import msgspec

from gainstage.accounts import ADMIN, Passwords, folded, judged_name, judged_password, judged_role
from gainstage.app.folder import opened_store
from gainstage.app.moments import iso
from gainstage.errors import LastAdmin, NameTaken, UnknownUser
from gainstage.store.account_rows import UserRow
from gainstage.store.contract.accounts import Accounts, AccountsReading


def users(data: Path) -> list[dict[str, Any]]:
    """Every user, by name, without anything of the password.

    Raises:
        UsageError: the folder holds no data.
    """
    with opened_store(data) as store, store.reading() as reading:
        return [told(row) for row in reading.accounts.users()]


def add_user(
    data: Path, name: str, role: str, password: str, passwords: Passwords, *, first: bool = False
) -> dict[str, Any]:
    """Let somebody log in; `first` only where nobody may yet.

    Raises:
        NameTaken: there is such a user; or one at all, where this was to be the first.
        UsageError: name, role or password cannot be used.
    """
    name, role = judged_name(name), judged_role(role)
    kept, now_us = passwords.hash(judged_password(password, name)), time.time_ns() // 1_000
    row = UserRow(0, name, folded(name), role, True, kept, now_us, now_us)
    with opened_store(data, create=True) as store, store.transaction() as transaction:
        if first and transaction.accounts.any_user():
            raise NameTaken("There are users already: have an admin among them add you.")
        if transaction.accounts.add_user(row) is None:
            raise NameTaken(f"There is a user {name} already: choose another name, or change that user.")
    return told(row)


def change_user(
    data: Path,
    name: str,
    *,
    role: str | None = None,
    enabled: bool | None = None,
    password: str | None = None,
    passwords: Passwords | None = None,
) -> dict[str, Any]:
    """Change a user; what is not given stays. All sessions of the user end.

    Raises:
        UnknownUser: there is none of this name.
        LastAdmin: nobody could manage the users any more.
        UsageError: role or password cannot be used.
    """
    hashed = None
    if password is not None:
        hashed = (passwords or Passwords()).hash(judged_password(password, name))
    changes: dict[str, Any] = {}
    if role is not None:
        changes["role"] = judged_role(role)
    if enabled is not None:
        changes["enabled"] = enabled
    if hashed is not None:
        changes |= {"password": hashed, "password_us": time.time_ns() // 1_000}
    with opened_store(data) as store, store.transaction() as transaction:
        before = found(transaction.accounts, name)
        row = msgspec.structs.replace(before, **changes)
        if not (row.enabled and row.role == ADMIN):
            _refuse_last_admin(transaction.accounts, before)
        transaction.accounts.save_user(row)
        if row != before:
            transaction.accounts.end_sessions(row.id)
    return told(row)


def remove_user(data: Path, name: str) -> dict[str, Any]:
    """Remove a user with all sessions; what is noted of what they did stays.

    Raises:
        UnknownUser: there is none of this name.
        LastAdmin: nobody could manage the users any more.
    """
    with opened_store(data) as store, store.transaction() as transaction:
        row = found(transaction.accounts, name)
        _refuse_last_admin(transaction.accounts, row)
        transaction.accounts.remove_user(row.id)
    return told(row)


def is_set_up(data: Path) -> bool:
    """Whether there is a user.

    Raises:
        UsageError: the folder holds no data.
    """
    with opened_store(data) as store, store.reading() as reading:
        return reading.accounts.any_user()


def is_user(data: Path, name: str) -> bool:
    """Whether there is a user of this name.

    Raises:
        UsageError: the folder holds no data.
    """
    with opened_store(data) as store, store.reading() as reading:
        return reading.accounts.user(folded(name)) is not None


def found(accounts: AccountsReading, name: str) -> UserRow:
    """The user of this name.

    Raises:
        UnknownUser: there is none.
    """
    row = accounts.user(folded(name))
    if row is None:
        raise UnknownUser(f"There is no user {name[:100]}: `gainstage user list` shows all.")
    return row


def told(row: UserRow) -> dict[str, Any]:
    """A user as people and programs are told."""
    return {
        "name": row.name,
        "role": row.role,
        "enabled": row.enabled,
        "created_at": iso(row.created_us),
        "password_set_at": iso(row.password_us),
        "last_login_at": iso(row.seen_us) if row.seen_us is not None else None,
    }


def _refuse_last_admin(accounts: Accounts, row: UserRow) -> None:
    """Within one transaction with the change, so that of two admins who remove each other one stays."""
    admins = [one.id for one in accounts.users() if one.enabled and one.role == ADMIN]
    if admins == [row.id]:
        raise LastAdmin(f"{row.name} is the last admin who is enabled: make another one first.")
