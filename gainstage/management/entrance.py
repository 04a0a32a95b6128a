"""What answers at `/api/setup` and `/api/session`: the first admin, logging in and out, own passwords."""

from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gainstage import app
from gainstage.accounts import ADMIN, Caller, Passwords, Throttle, digest_of, folded, new_proof
from gainstage.app import Begun
from gainstage.errors import NameTaken
from gainstage.management.access import REALM, Access
from gainstage.management.answers import UNAVAILABLE_SECONDS, Problem, document
from gainstage.management.aside import Aside
from gainstage.management.journal import Journal, caller_of
from gainstage.management.questions import Bodies, Nothing, Text, is_json, query

#: Passwords that are hashed at once, each in tens of megabytes; and how many more may wait for it.
HASHERS = 2
WAITING_AT_MOST = 16
SETUP_PREFIX = "setup_"

T = TypeVar("T")


class Setup(msgspec.Struct, forbid_unknown_fields=True):
    """The token that the server printed, and who is to be the first admin."""

    token: Text
    name: Text
    password: str


class LogIn(msgspec.Struct, forbid_unknown_fields=True):
    """Who, and the proof."""

    name: Text
    password: str


class Anew(msgspec.Struct, forbid_unknown_fields=True):
    """One's own password: the one that holds, and the one that is to."""

    current: str
    password: str


class Invitation:
    """Lets whoever reads the server's terminal make the first admin, once. Only a digest is kept."""

    def __init__(self) -> None:
        self._digest: bytes | None = None

    def give(self) -> str:
        """A new token; a former one is worth nothing any more."""
        proof = new_proof(SETUP_PREFIX)
        self._digest = digest_of(proof)
        return proof

    def is_right(self, proof: str) -> bool:
        """Whether it is the token that was given last."""
        return self._digest is not None and compare_digest(digest_of(proof), self._digest)

    def use(self) -> None:
        """It was used."""
        self._digest = None


class Hashing:
    """Work with passwords, beside the event loop and no more of it at once than memory is for."""

    def __init__(self, passwords: Passwords) -> None:
        self.passwords = passwords
        self._aside = Aside(HASHERS)
        self._under_way = 0

    async def run(self, function: Callable[[Passwords], T]) -> T:
        """What the function returns or raises.

        Raises:
            Problem: too many wait already.
        """
        if self._under_way >= HASHERS + WAITING_AT_MOST:
            message = "Too many passwords are being looked at: come again in a moment."
            raise Problem(503, "unavailable", message, retry_after=str(UNAVAILABLE_SECONDS))
        self._under_way += 1
        try:
            return await self._aside.run(lambda: function(self.passwords))
        finally:
            self._under_way -= 1


class EntranceViews:
    """The views of who is not logged in yet, and of who is about the log-in itself."""

    def __init__(
        self, data: Path, access: Access, hashing: Hashing, bodies: Bodies, invitation: Invitation
    ) -> None:
        self._data, self._access, self._hashing, self._bodies = data, access, hashing, bodies
        self._invitation, self._throttle = invitation, Throttle()
        self._reading = Aside(1)
        self._journal = Journal(data, self._reading, access.address)

    async def setup_needed(self, request: Request) -> Response:
        """Whether the first admin is still to be made."""
        query(request, Nothing)
        needed = await self._reading.run(lambda: app.is_set_up(self._data))
        return document({"needed": not needed})

    async def set_up(self, request: Request) -> Response:
        """The first admin."""
        asked = await self._asked(request, Setup)
        self._access.check_failures(request.scope)
        caller = Caller("setup", "", ADMIN)
        if not self._invitation.is_right(asked.token):
            if await self._reading.run(lambda: app.is_set_up(self._data)):
                raise _set_up_already()
            self._access.guessed(request.scope)
            raise Problem(
                401,
                "setup_token_wrong",
                "This is not the set-up token: the server printed it when it started, and prints another one "
                "when it starts again.",
                www_authenticate=REALM,
            )
        device, now_us = self._device(request), self._access.now_us()

        def make(passwords: Passwords) -> Begun | None:
            app.add_user(self._data, asked.name, ADMIN, asked.password, passwords, first=True)
            return app.log_in(self._data, asked.name, asked.password, passwords, device, now_us)

        try:
            begun = await self._hashing.run(make)
        except NameTaken:
            raise _set_up_already() from None
        self._invitation.use()
        await self._journal.at_once(
            request, caller, "user.add", app.DONE, object_=folded(asked.name), role=ADMIN
        )
        if begun is None:  # removed in the same moment
            raise _set_up_already()
        return self._begun(request, begun, 201)

    async def log_in(self, request: Request) -> Response:
        """A session."""
        asked = await self._asked(request, LogIn)
        name, network = folded(asked.name), self._access.network(request.scope)
        self._wait_or_begin(name, network)
        device, now_us = self._device(request), self._access.now_us()
        try:
            begun = await self._hashing.run(
                lambda passwords: app.log_in(
                    self._data, asked.name, asked.password, passwords, device, now_us
                )
            )
        except BaseException:
            self._throttle.excused(name, network)
            raise
        if begun is None:
            # A name that nobody has may be a password that went into the wrong field: it is not noted.
            known = await self._reading.run(lambda: app.is_user(self._data, asked.name))
            nobody = Caller("nobody", "", "")
            await self._journal.at_once(
                request, nobody, "session.begin", app.REFUSED, object_=name if known else "(unknown name)"
            )
            raise _wrong_password()
        self._throttle.succeeded(name, network)
        await self._journal.at_once(request, begun.caller, "session.begin", app.DONE)
        return self._begun(request, begun, 200)

    async def session(self, request: Request) -> Response:
        """Who asks."""
        query(request, Nothing)
        return document(_who(caller_of(request)))

    async def log_out(self, request: Request) -> Response:
        """The end of the session."""
        query(request, Nothing)
        caller = caller_of(request)
        if caller.session is None:
            raise _no_session()
        name, number = caller.name, caller.session
        await self._reading.run(lambda: app.end_session(self._data, name, number))
        cookie = self._access.cookies.taken(request.scope)
        return document({"ended": 1}, headers={"Set-Cookie": cookie})

    async def change_password(self, request: Request) -> Response:
        """Another password for who asks; all their sessions end, and this one goes on as a new one."""
        query(request, Nothing)
        asked = await self._bodies.document(request, Anew)
        caller, device = caller_of(request), self._device(request)
        if caller.session is None:
            raise _no_session()
        name, network = folded(caller.name), self._access.network(request.scope)
        self._wait_or_begin(name, network)
        try:
            begun = await self._hashing.run(
                lambda passwords: app.change_password(
                    self._data, caller, asked.current, asked.password, passwords, device
                )
            )
        except BaseException:
            self._throttle.excused(name, network)
            raise
        if begun is None:
            raise Problem(422, "password_wrong", "The current password is wrong: nothing was changed.")
        self._throttle.succeeded(name, network)
        return self._begun(request, begun, 200)

    async def _asked(self, request: Request, kind: type[T]) -> T:
        """What is sent without a session, by a page of ours or by what is none."""
        query(request, Nothing)
        self._access.check_origin(request.scope)
        if not is_json(request):  # what forms of other pages send cannot be
            raise Problem(415, "not_json", "Send JSON, with the Content-Type application/json.")
        return await self._bodies.document(request, kind)

    def _wait_or_begin(self, name: str, network: str) -> None:
        seconds = self._throttle.begin(name, network, self._access.now_us())
        if seconds:
            raise Problem(
                429,
                "too_many_logins",
                f"Too many wrong passwords were sent for this name or from this address: wait {seconds} s.",
                retry_after=str(seconds),
            )

    def _device(self, request: Request) -> app.Device:
        agent = request.headers.get("user-agent", "")
        before = self._access.cookies.read(request.scope)
        return app.Device(self._access.address(request.scope), agent, before)

    def _begun(self, request: Request, begun: Begun, status: int) -> Response:
        cookie = self._access.cookies.given(request.scope, begun.proof)
        return document(_who(begun.caller), status, {"Set-Cookie": cookie})


def _who(caller: Caller) -> dict[str, Any]:
    return {"kind": caller.kind, "name": caller.name, "role": caller.role, "csrf": caller.csrf}


def _set_up_already() -> Problem:
    return Problem(409, "setup_done", "There are users already: log in, or have an admin among them add you.")


def _wrong_password() -> Problem:
    return Problem(
        401,
        "login_refused",
        "The name or the password is wrong, or the user is disabled.",
        www_authenticate=REALM,
    )


def _no_session() -> Problem:
    return Problem(422, "unusable", "A token asks, and no session: only a user who is logged in can do this.")
