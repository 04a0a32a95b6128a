"""Who asks: somebody who proved who they are, and what they may do."""

from typing import Literal, NamedTuple

from gainstage.accounts.roles import ADMIN, Role, allows

Kind = Literal["user", "token", "server_token", "command_line", "setup", "nobody"]


class Caller(NamedTuple):
    """A user with a session, a token, or whoever has the server's own token."""

    kind: Kind
    name: str
    role: str
    #: The number of the user, or of the token.
    number: int | None = None
    #: Of a user: the number of the session, and what state-changing requests must send beside it.
    session: int | None = None
    csrf: str | None = None

    def may(self, least: Role) -> bool:
        """Whether that role, or a greater one, is theirs."""
        return allows(self.role, least)

    @property
    def words(self) -> str:
        """For people."""
        kind = {"server_token": "the server's token"}.get(self.kind, self.kind.replace("_", " "))
        return f"{kind} {self.name}".strip()


#: Whoever has the token that the server was started with.
OPERATOR = Caller("server_token", "", ADMIN)


class Known(NamedTuple):
    """Who asks, and whether it is time to note that they did."""

    caller: Caller
    is_news: bool
