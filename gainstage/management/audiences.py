"""What answers below `/api/audiences`: audiences and computed traits, as `gainstage audiences` does."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gainstage import app
from gainstage.errors import ConfigurationError
from gainstage.management.answers import Problem, document, told
from gainstage.management.aside import Aside
from gainstage.management.questions import MOST_ROWS_A_PAGE, ROWS_A_PAGE, Bodies, Nothing, Text, query

#: Previews that are computed at once; more wait, since each takes memory and processors.
PREVIEWS = 1
SAMPLE = 10


class Show(msgspec.Struct, forbid_unknown_fields=True):
    """So many of those who have a value."""

    limit: Annotated[int, msgspec.Meta(ge=0, le=MOST_ROWS_A_PAGE)] = ROWS_A_PAGE


class Preview(msgspec.Struct, forbid_unknown_fields=True):
    """One in force by its key, or a definition under its kind; and how many of its members to show."""

    key: Text | None = None
    audience: dict[str, Any] | None = None
    computed_trait: dict[str, Any] | None = None
    sample: Annotated[int, msgspec.Meta(ge=0, le=MOST_ROWS_A_PAGE)] = SAMPLE


class Definition(msgspec.Struct, forbid_unknown_fields=True):
    """A definition under its kind."""

    audience: dict[str, Any] | None = None
    computed_trait: dict[str, Any] | None = None


class AudienceViews:
    """The views on one data folder; `reading` is where they are answered."""

    def __init__(self, data: Path, reading: Aside, bodies: Bodies) -> None:
        self._data, self._reading, self._bodies = data, reading, bodies
        self._previewing = Aside(PREVIEWS)

    async def list(self, request: Request) -> Response:
        """`gainstage audiences list`."""
        query(request, Nothing)
        return document(await self._reading.run(lambda: app.audiences(self._data)))

    async def show(self, request: Request) -> Response:
        """One of them: definition, members, sizes over time."""
        limit = query(request, Show).limit
        return await self._shown(request, limit)

    async def preview(self, request: Request) -> Response:
        """`gainstage audiences preview`."""
        query(request, Nothing)
        asked = await self._bodies.document(request, Preview)
        given = _given(asked)
        if bool(given) is (asked.key is not None):
            raise Problem(422, "unusable", "Send a `key`, or an `audience` or a `computed_trait`.")

        def previewed() -> dict[str, Any]:
            return app.preview_audience(self._data, asked.key, given or None, asked.sample)

        return document(await _checked(self._previewing, previewed))

    async def define(self, request: Request) -> Response:
        """Put a definition in force."""
        query(request, Nothing)
        key = request.path_params["key"]
        asked = await self._bodies.document(request, Definition)
        await _checked(self._reading, lambda: app.define(self._data, key, _given(asked)))
        return await self._shown(request, 0)

    async def remove(self, request: Request) -> Response:
        """Take a definition out of force."""
        query(request, Nothing)
        key = request.path_params["key"]
        await _checked(self._reading, lambda: app.remove_audience(self._data, key))
        return document({"removed": key})

    async def pause(self, request: Request) -> Response:
        """Hold what it says."""
        return await self._paused(request, paused=True)

    async def resume(self, request: Request) -> Response:
        """Let what it says go on."""
        return await self._paused(request, paused=False)

    async def run(self, request: Request) -> Response:
        """`gainstage audiences run`, without waiting for it."""
        query(request, Nothing)
        key = request.path_params["key"]

        def asked() -> None:
            app.audience(self._data, key, 0)
            app.wish(self._data)

        await self._reading.run(asked)
        return document({"key": key, "asked": True}, 202)

    async def _paused(self, request: Request, *, paused: bool) -> Response:
        query(request, Nothing)
        key = request.path_params["key"]
        await _checked(self._reading, lambda: app.pause_audience(self._data, key, paused=paused))
        return await self._shown(request, 0)

    async def _shown(self, request: Request, limit: int) -> Response:
        key = request.path_params["key"]
        return document(await self._reading.run(lambda: app.audience(self._data, key, limit)))


def _given(asked: Preview | Definition) -> dict[str, Any]:
    kinds = {"audience": asked.audience, "computed_trait": asked.computed_trait}
    return {kind: body for kind, body in kinds.items() if body is not None}


async def _checked(aside: Aside, ask: Callable[[], Any]) -> Any:
    """What is asked; a definition that cannot be used is told with every problem."""
    try:
        return await aside.run(ask)
    except ConfigurationError as error:
        raise Problem(422, "configuration_invalid", *told(error)) from None
