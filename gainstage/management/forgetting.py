"""What answers below `/api/forget`: people are forgotten as `gainstage forget` does."""

from pathlib import Path
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gainstage import app
from gainstage.management.answers import Problem, document
from gainstage.management.aside import Aside
from gainstage.management.journal import noted
from gainstage.management.questions import MOST_ROWS_A_PAGE, ROWS_A_PAGE, Bodies, Nothing, Text, query

MOST_REQUESTS = 2**53


class Forget(msgspec.Struct, forbid_unknown_fields=True):
    """Whom, and whether Gainsight is to delete them too; `confirm` must say so."""

    person: Text
    at_gainsight: bool = False
    confirm: bool = False


class Find(msgspec.Struct, forbid_unknown_fields=True):
    """Whom."""

    person: Text


class Receipts(msgspec.Struct, forbid_unknown_fields=True):
    """Of one person, or of all."""

    person: Text | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS_A_PAGE)] = ROWS_A_PAGE


class ForgettingViews:
    """The views on the requests of one data folder; `reading` is where they are answered."""

    def __init__(self, data: Path, reading: Aside, bodies: Bodies) -> None:
        self._data, self._reading, self._bodies = data, reading, bodies

    async def forget(self, request: Request) -> Response:
        """`gainstage forget person`."""
        query(request, Nothing)
        asked = await self._bodies.document(request, Forget)
        if not asked.confirm:
            found = await self._reading.run(lambda: app.would_forget(self._data, asked.person))
            sentence = (
                f"{found['log_entries']} messages and {found['events']} events would go for good: send "
                "`confirm` as true to do so."
            )
            raise Problem(422, "unconfirmed", sentence)
        receipt = await self._reading.run(
            lambda: app.forget(self._data, asked.person, at_gainsight=asked.at_gainsight)
        )
        noted(request, f"request {receipt['request']}", at_gainsight=asked.at_gainsight or None)
        return document(receipt, 202)

    async def find(self, request: Request) -> Response:
        """`gainstage forget person --dry-run`."""
        query(request, Nothing)
        asked = await self._bodies.document(request, Find)
        return document(await self._reading.run(lambda: app.would_forget(self._data, asked.person)))

    async def receipts(self, request: Request) -> Response:
        """`gainstage forget list`."""
        asked = query(request, Receipts)
        found = await self._reading.run(lambda: app.receipts(self._data, asked.person, asked.limit))
        return document({"requests": found})

    async def receipt(self, request: Request) -> Response:
        """`gainstage forget show`."""
        query(request, Nothing)
        number = _number(request)
        return document(await self._reading.run(lambda: app.receipt(self._data, number)))

    async def lift(self, request: Request) -> Response:
        """`gainstage forget lift`."""
        query(request, Nothing)
        number = _number(request)
        noted(request, f"request {number}")
        return document(await self._reading.run(lambda: app.lift(self._data, number)))


def _number(request: Request) -> int:
    text = request.path_params["request"]
    if not (text.isascii() and text.isdigit() and int(text) < MOST_REQUESTS):
        raise Problem(404, "request_unknown", "There is no such request: its number is one of the list's.")
    return int(text)
