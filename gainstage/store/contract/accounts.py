"""Who may manage a server: users, their sessions, and tokens for programs."""

from typing import Protocol

from gainstage.store.account_rows import SessionRow, TokenRow, UserRow


class AccountsReading(Protocol):
    """Questions about them."""

    def users(self) -> list[UserRow]:
        """Every user, by name."""

    def user(self, folded: str) -> UserRow | None:
        """The user of this name."""

    def any_user(self) -> bool:
        """Whether there is one."""

    def session(self, digest: bytes) -> tuple[SessionRow, UserRow] | None:
        """A session with its user."""

    def sessions(self, user_id: int) -> list[SessionRow]:
        """The sessions of a user, the newest first."""

    def tokens(self) -> list[TokenRow]:
        """Every token, by name."""

    def token(self, digest: bytes) -> TokenRow | None:
        """The token of this digest."""


class Accounts(AccountsReading, Protocol):
    """What may be changed. Numbers are given once and never again, so that nothing that was kept of one user
    is ever another's.
    """

    def add_user(self, row: UserRow) -> int | None:
        """Keep a new user; the number it got. None where the name is taken."""

    def save_user(self, row: UserRow) -> None:
        """Write a user back."""

    def remove_user(self, number: int) -> None:
        """Forget a user with all its sessions."""

    def begin_session(self, row: SessionRow, most: int) -> int:
        """Keep a new session; the number it got. Of the user's `most` sessions stay, the newest."""

    def seen(self, session: int, now_us: int) -> None:
        """A session was used."""

    def end_session(self, number: int, user_id: int) -> bool:
        """End a session of this user; False where there is none."""

    def end_sessions(self, user_id: int, but: int | None = None) -> int:
        """End all sessions of a user, but this one; how many."""

    def let_go(self, seen_before_us: int, created_before_us: int) -> int:
        """Forget sessions that were not used since, or are older; how many."""

    def add_token(self, row: TokenRow) -> int | None:
        """Keep a new token; the number it got. None where the name is taken."""

    def remove_token(self, folded: str) -> bool:
        """Forget a token; False where there is none."""

    def used(self, token: int, now_us: int) -> None:
        """A token was used."""
