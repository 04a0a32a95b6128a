"""What answers for the server as a whole: alerts, the canary, retention, limits and traces."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gainstage import app
from gainstage.errors import ConfigurationError
from gainstage.management.answers import Problem, document, told
from gainstage.management.aside import Aside
from gainstage.management.connecting import Rehearsed, permit_of
from gainstage.management.journal import noted
from gainstage.management.questions import Bodies, Nothing, query


class ServerViews:
    """The views on one data folder; `reading` is where they are answered."""

    def __init__(self, data: Path, reading: Aside, bodies: Bodies) -> None:
        self._data, self._reading, self._bodies = data, reading, bodies

    async def sections(self, request: Request) -> Response:
        """Every section with what is set in it."""
        query(request, Nothing)
        return document({"sections": await self._reading.run(lambda: app.sections(self._data))})

    async def change(self, request: Request) -> Response:
        """Change what is given of a section."""
        dry_run = query(request, Rehearsed).dry_run
        given = await self._bodies.document(request, dict[str, Any])
        section, permit = request.path_params["section"], permit_of(request, dry_run=dry_run)
        noted(request, section)
        return document(
            await self._checked(
                lambda: app.change_section(self._data, section, given, permit, dry_run=dry_run)
            )
        )

    async def reset(self, request: Request) -> Response:
        """Set nothing in a section any more."""
        query(request, Nothing)
        section, permit = request.path_params["section"], permit_of(request)
        noted(request, section)
        await self._checked(lambda: app.reset_section(self._data, section, permit))
        return document({"reset": section})

    async def _checked(self, ask: Callable[[], Any]) -> Any:
        try:
            return await self._reading.run(ask)
        except ConfigurationError as error:
            raise Problem(422, "configuration_invalid", *told(error)) from None
