"""Users, sessions and tokens: one row each. Of what is sent as proof only digests and hashes are here."""

from typing import Any

from gainstage.sqlite import Database
from gainstage.store.account_rows import SessionRow, TokenRow, UserRow

_USER = "id, name, folded, role, enabled, password, created_us, password_us, seen_us"
_SESSION = "id, digest, user_id, created_us, seen_us, address, agent"
_TOKEN = "id, name, folded, digest, role, created_us, maker, expires_us, used_us"


def _user(row: tuple[Any, ...]) -> UserRow:
    values = list(row)
    values[4] = bool(row[4])
    return UserRow(*values)


class AccountsReading:
    """Questions about them."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def users(self) -> list[UserRow]:
        """Every user, by name."""
        return [_user(row) for row in self._connection.execute(f"SELECT {_USER} FROM user ORDER BY folded")]

    def user(self, folded: str) -> UserRow | None:
        """The user of this name."""
        row = self._connection.execute(f"SELECT {_USER} FROM user WHERE folded = ?", (folded,)).fetchone()
        return _user(row) if row else None

    def any_user(self) -> bool:
        """Whether there is one."""
        return self._connection.execute("SELECT 1 FROM user LIMIT 1").fetchone() is not None

    def session(self, digest: bytes) -> tuple[SessionRow, UserRow] | None:
        """A session with its user."""
        row = self._connection.execute(
            f"SELECT {_SESSION} FROM session WHERE digest = ?", (digest,)
        ).fetchone()
        if row is None:
            return None
        session = SessionRow(*row)
        found = self._connection.execute(f"SELECT {_USER} FROM user WHERE id = ?", (session.user_id,))
        user = found.fetchone()
        return (session, _user(user)) if user else None

    def sessions(self, user_id: int) -> list[SessionRow]:
        """The sessions of a user, the newest first."""
        rows = self._connection.execute(
            f"SELECT {_SESSION} FROM session WHERE user_id = ? ORDER BY id DESC", (user_id,)
        )
        return [SessionRow(*row) for row in rows]

    def tokens(self) -> list[TokenRow]:
        """Every token, by name."""
        rows = self._connection.execute(f"SELECT {_TOKEN} FROM api_token ORDER BY folded")
        return [TokenRow(*row) for row in rows]

    def token(self, digest: bytes) -> TokenRow | None:
        """The token of this digest."""
        row = self._connection.execute(
            f"SELECT {_TOKEN} FROM api_token WHERE digest = ?", (digest,)
        ).fetchone()
        return TokenRow(*row) if row else None


class Accounts(AccountsReading):
    """The part of a transaction that keeps who may manage the server."""

    def add_user(self, row: UserRow) -> int | None:
        """Keep a new user; the number it got. None where the name is taken."""
        return self._added(
            "INSERT OR IGNORE INTO user (name, folded, role, enabled, password, created_us, password_us, "
            "seen_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.name, row.folded, row.role, row.enabled, row.password, row.created_us, row.password_us,
                row.seen_us,
            ),
        )  # fmt: skip

    def save_user(self, row: UserRow) -> None:
        """Write a user back."""
        self._connection.execute(
            "UPDATE user SET role=?, enabled=?, password=?, password_us=?, seen_us=? WHERE id=?",
            (row.role, row.enabled, row.password, row.password_us, row.seen_us, row.id),
        )

    def remove_user(self, number: int) -> None:
        """Forget a user with all its sessions."""
        self.end_sessions(number)
        self._connection.execute("DELETE FROM user WHERE id = ?", (number,))

    def begin_session(self, row: SessionRow, most: int) -> int:
        """Keep a new session; the number it got. Of the user's `most` sessions stay, the newest."""
        self._connection.execute(
            "INSERT INTO session (digest, user_id, created_us, seen_us, address, agent) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            tuple(row[1:]),
        )
        number = self._connection.last_insert_rowid()
        self._connection.execute(
            "DELETE FROM session WHERE user_id = ? AND id <= (SELECT id FROM session WHERE user_id = ? "
            "ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (row.user_id, row.user_id, most),
        )
        return number

    def seen(self, session: int, now_us: int) -> None:
        """A session was used."""
        self._connection.execute(
            "UPDATE session SET seen_us = max(seen_us, ?) WHERE id = ?", (now_us, session)
        )

    def end_session(self, number: int, user_id: int) -> bool:
        """End a session of this user; False where there is none."""
        self._connection.execute("DELETE FROM session WHERE id = ? AND user_id = ?", (number, user_id))
        return self._connection.changes() > 0

    def end_sessions(self, user_id: int, but: int | None = None) -> int:
        """End all sessions of a user, but this one; how many."""
        self._connection.execute("DELETE FROM session WHERE user_id = ? AND id IS NOT ?", (user_id, but))
        return self._connection.changes()

    def let_go(self, seen_before_us: int, created_before_us: int) -> int:
        """Forget sessions that were not used since, or are older; how many."""
        self._connection.execute(
            "DELETE FROM session WHERE seen_us < ? OR created_us < ?", (seen_before_us, created_before_us)
        )
        return self._connection.changes()

    def add_token(self, row: TokenRow) -> int | None:
        """Keep a new token; the number it got. None where the name is taken."""
        return self._added(
            "INSERT OR IGNORE INTO api_token (name, folded, digest, role, created_us, maker, expires_us, "
            "used_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            tuple(row[1:]),
        )

    def remove_token(self, folded: str) -> bool:
        """Forget a token; False where there is none."""
        self._connection.execute("DELETE FROM api_token WHERE folded = ?", (folded,))
        return self._connection.changes() > 0

    def used(self, token: int, now_us: int) -> None:
        """A token was used."""
        self._connection.execute(
            "UPDATE api_token SET used_us = max(coalesce(used_us, 0), ?) WHERE id = ?", (now_us, token)
        )

    def _added(self, statement: str, values: tuple[Any, ...]) -> int | None:
        self._connection.execute(statement, values)
        return self._connection.last_insert_rowid() if self._connection.changes() else None
