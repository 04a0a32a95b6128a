"""Notes who does what: before a view is asked, and what came of it. What cannot be noted is not done."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from gainstage import app
from gainstage.accounts import Caller
from gainstage.configuration import Change
from gainstage.errors import UsageError
from gainstage.management.aside import Aside

CALLER, NOTE = "gainstage.caller", "gainstage.note"

_log = logging.getLogger("gainstage.management")


def caller_of(request: Request) -> Caller:
    """Who asks."""
    return cast(Caller, request.scope[CALLER])


def noted(request: Request, object_: str | None = None, **detail: Any) -> None:
    """Say on what something is done, and how; nothing secret and nothing of any person."""
    note = request.scope.get(NOTE)
    if note is not None:
        note.add(object_, **detail)


def noted_changes(request: Request, changes: Sequence[Change]) -> None:
    """Say which settings it changes."""
    note = request.scope.get(NOTE)
    if note is not None:
        note.add_changes(changes)


class Journal:
    """Keeps the notes of one data folder."""

    def __init__(self, data: Path, aside: Aside, address: Callable[[Any], str]) -> None:
        self._data, self._aside, self._address = data, aside, address

    async def around(
        self, action: str, request: Request, view: Callable[[], Awaitable[Response]]
    ) -> Response:
        """What a view answers; `view` lets nothing be raised."""
        note = request.scope[NOTE] = app.Note(" ".join(map(str, request.path_params.values())))
        caller, address = caller_of(request), self._address(request.scope)
        number = await self._aside.run(lambda: app.begin_action(self._data, caller, action, note, address))
        response = await view()
        outcome = app.DONE if response.status_code < 400 else app.REFUSED
        if response.status_code >= 500:
            outcome = app.FAILED
        if outcome != app.DONE:
            note.add(status=response.status_code)
        try:
            await self._aside.run(lambda: app.end_action(self._data, number, outcome, note))
        except UsageError as error:  # it stays begun
            _log.error("action_not_noted", extra={"action": action, "problem": str(error)})
        return response

    async def at_once(
        self,
        request: Request,
        caller: Caller,
        action: str,
        outcome: str,
        object_: str = "",
        **detail: Any,
    ) -> None:
        """Note what was just done, or refused, to somebody who is known only now."""
        note, address = app.Note(object_), self._address(request.scope)
        note.add(**detail)
        await self._aside.run(lambda: app.begin_action(self._data, caller, action, note, address, outcome))
