"""Tokens of the management API for programs: made, shown once, listed, removed."""

import time
from pathlib import Path
from typing import Any

from gainstage.accounts import digest_of, folded, judged_name, judged_role, new_proof
from gainstage.accounts.proofs import TOKEN_PREFIX
from gainstage.app.folder import opened_store
from gainstage.app.moments import iso
from gainstage.clock import SECOND_US
from gainstage.errors import NameTaken, UnknownToken, UsageError
from gainstage.setting import read_duration
from gainstage.store.account_rows import TokenRow

LONGEST_SECONDS = 3_650 * 86_400


def tokens(data: Path) -> list[dict[str, Any]]:
    """Every token, by name, without what is sent.

    Raises:
        UsageError: the folder holds no data.
    """
    now_us = time.time_ns() // 1_000
    with opened_store(data) as store, store.reading() as reading:
        return [_told(row, now_us) for row in reading.accounts.tokens()]


def add_token(
    data: Path, name: str, role: str, maker: str, lasts_seconds: float | None = None
) -> dict[str, Any]:
    """Make a token; `token` is what a program sends, and is never shown again.

    Raises:
        NameTaken: there is a token of this name.
        UsageError: name or role cannot be used.
    """
    name, role = judged_name(name), judged_role(role)
    proof, now_us = new_proof(TOKEN_PREFIX), time.time_ns() // 1_000
    expires_us = None if lasts_seconds is None else now_us + int(lasts_seconds * SECOND_US)
    row = TokenRow(0, name, folded(name), digest_of(proof), role, now_us, maker, expires_us)
    with opened_store(data, create=True) as store, store.transaction() as transaction:
        if transaction.accounts.add_token(row) is None:
            raise NameTaken(f"There is a token {name} already: choose another name, or remove that one.")
    return {**_told(row, now_us), "token": proof}


def remove_token(data: Path, name: str) -> None:
    """Remove a token: whoever sends it is refused from now on.

    Raises:
        UnknownToken: there is none of this name.
    """
    with opened_store(data) as store, store.transaction() as transaction:
        if not transaction.accounts.remove_token(folded(name)):
            raise UnknownToken(f"There is no token {name[:100]}: `gainstage token list` shows all.")


def lasting(text: str | None) -> float | None:
    """How many seconds a token lasts, as somebody wrote it; None: for ever.

    Raises:
        UsageError: it is no length of time.
    """
    if text is None:
        return None
    try:
        seconds = float(read_duration(text))
    except ValueError as error:
        raise UsageError(f"'{text}' is no length of time: {error}.") from None
    if not 0 < seconds <= LONGEST_SECONDS:
        raise UsageError("A token lasts for some time, and for ten years at most; or leave --expires out.")
    return seconds


def _told(row: TokenRow, now_us: int) -> dict[str, Any]:
    return {
        "name": row.name,
        "role": row.role,
        "created_at": iso(row.created_us),
        "created_by": row.maker,
        "expires_at": iso(row.expires_us) if row.expires_us is not None else None,
        "expired": row.expires_us is not None and now_us >= row.expires_us,
        "last_used_at": iso(row.used_us) if row.used_us is not None else None,
    }
