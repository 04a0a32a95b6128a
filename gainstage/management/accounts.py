"""What answers about users, their sessions, tokens, and what was done."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gainstage import app
from gainstage.accounts import ADMIN, Role
from gainstage.management.access import Access
from gainstage.management.answers import Problem, document
from gainstage.management.aside import Aside
from gainstage.management.entrance import Hashing
from gainstage.management.journal import caller_of, noted
from gainstage.management.questions import MOST_ROWS_A_PAGE, ROWS_A_PAGE, Bodies, Nothing, Text, query

LONGEST_DAYS = 3_650


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """Who may log in from now on."""

    name: Text
    role: Role
    password: str


class ChangedUser(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different; the rest stays."""

    role: Role | None = None
    enabled: bool | None = None
    password: str | None = None


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """What a program may do, and for how long."""

    name: Text
    role: Role
    expires_in_days: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_DAYS)] | None = None


class Whose(msgspec.Struct, forbid_unknown_fields=True):
    """Whose sessions; one's own where nobody is named."""

    user: Text | None = None


class Done(msgspec.Struct, forbid_unknown_fields=True):
    """Which of what was done. `before` is the `next` of the page before."""

    actor: Text | None = None
    action: Text | None = None
    outcome: Literal["begun", "done", "refused", "failed"] | None = None
    since: Text | None = None
    until: Text | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS_A_PAGE)] = ROWS_A_PAGE
    before: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None


class AccountViews:
    """The views on who may manage one data folder."""

    def __init__(self, data: Path, access: Access, hashing: Hashing, reading: Aside, bodies: Bodies) -> None:
        self._data, self._access, self._hashing = data, access, hashing
        self._reading, self._bodies = reading, bodies

    async def users(self, request: Request) -> Response:
        """`gainstage user list`."""
        query(request, Nothing)
        return document({"users": await self._reading.run(lambda: app.users(self._data))})

    async def add_user(self, request: Request) -> Response:
        """`gainstage user add`."""
        query(request, Nothing)
        asked = await self._bodies.document(request, NewUser)
        noted(request, asked.name, role=asked.role)
        return document(
            await self._hashing.run(
                lambda passwords: app.add_user(self._data, asked.name, asked.role, asked.password, passwords)
            ),
            201,
        )

    async def change_user(self, request: Request) -> Response:
        """`gainstage user role`, `password`, `enable` and `disable`."""
        query(request, Nothing)
        name = request.path_params["name"]
        asked = await self._bodies.document(request, ChangedUser)
        new_password = asked.password is not None or None
        noted(request, name, role=asked.role, enabled=asked.enabled, password=new_password)

        def change() -> dict[str, object]:
            return app.change_user(self._data, name, role=asked.role, enabled=asked.enabled)

        if asked.password is None:
            return document(await self._reading.run(change))
        return document(
            await self._hashing.run(
                lambda passwords: app.change_user(
                    self._data,
                    name,
                    role=asked.role,
                    enabled=asked.enabled,
                    password=asked.password,
                    passwords=passwords,
                )
            )
        )

    async def remove_user(self, request: Request) -> Response:
        """`gainstage user remove`."""
        query(request, Nothing)
        name = request.path_params["name"]
        return document(await self._reading.run(lambda: app.remove_user(self._data, name)))

    async def sessions(self, request: Request) -> Response:
        """The sessions of a user."""
        name, caller = self._whose(request), caller_of(request)
        now_us = self._access.now_us()
        found = await self._reading.run(
            lambda: app.sessions(self._data, name, caller, now_us) if name else []
        )
        return document({"sessions": found})

    async def end_sessions(self, request: Request) -> Response:
        """The end of all of them; of one's own, but the one that asks."""
        name, caller = self._whose(request), caller_of(request)
        noted(request, name)
        ended = await self._reading.run(
            lambda: app.end_sessions(self._data, name, caller.session) if name else 0
        )
        return document({"ended": ended})

    async def end_session(self, request: Request) -> Response:
        """The end of one."""
        name, number = self._whose(request), request.path_params["id"]
        noted(request, name, session=number)
        if not name or number > MOST_NUMBER:
            raise Problem(404, "session_unknown", f"There is no session {number}: it may have ended already.")
        await self._reading.run(lambda: app.end_session(self._data, name, number))
        return document({"ended": 1})

    async def tokens(self, request: Request) -> Response:
        """`gainstage token list`."""
        query(request, Nothing)
        return document({"tokens": await self._reading.run(lambda: app.tokens(self._data))})

    async def add_token(self, request: Request) -> Response:
        """`gainstage token add`."""
        query(request, Nothing)
        asked = await self._bodies.document(request, NewToken)
        noted(request, asked.name, role=asked.role, expires_in_days=asked.expires_in_days)
        maker = caller_of(request).words
        lasts = asked.expires_in_days and asked.expires_in_days * 86_400
        made = await self._reading.run(
            lambda: app.add_token(self._data, asked.name, asked.role, maker, lasts)
        )
        return document(made, 201)

    async def remove_token(self, request: Request) -> Response:
        """`gainstage token remove`."""
        query(request, Nothing)
        name = request.path_params["name"]
        await self._reading.run(lambda: app.remove_token(self._data, name))
        return document({"removed": name})

    async def audit(self, request: Request) -> Response:
        """`gainstage audit`."""
        asked = query(request, Done)
        wanted = app.filters(since=asked.since, until=asked.until)
        return document(
            await self._reading.run(
                lambda: app.audit(
                    self._data,
                    actor=asked.actor,
                    action=asked.action,
                    outcome=asked.outcome,
                    since_us=wanted["since_us"],
                    until_us=wanted["until_us"],
                    before=asked.before,
                    limit=asked.limit,
                )
            )
        )

    def _whose(self, request: Request) -> str:
        """One's own name, "" for a token; another's for admins only."""
        asked, caller = query(request, Whose).user, caller_of(request)
        own = caller.name if caller.kind == "user" else ""
        if asked is None or asked == own:
            return own
        if not caller.may(ADMIN):
            raise Problem(
                403, "role_insufficient", "Sessions of others are an admin's to look at and to end."
            )
        return asked


#: Numbers of sessions go no further.
MOST_NUMBER = 2**53
