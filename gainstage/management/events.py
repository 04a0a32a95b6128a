"""Views that look through events, and let somebody try one."""

from contextlib import closing
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from gainstage import app
from gainstage.management import questions
from gainstage.management.answers import document
from gainstage.management.aside import Aside
from gainstage.management.journal import noted
from gainstage.management.questions import Bodies, query


class EventViews:
    """The views on one data folder."""

    def __init__(self, data: Path, reading: Aside, bodies: Bodies) -> None:
        self._data, self._reading, self._bodies = data, reading, bodies

    async def events(self, request: Request) -> Response:
        """`gainstage events`; with a `user`, `gainstage trace --user`."""
        if "user" in request.query_params:
            return await self._of_person(request)
        asked = query(request, questions.Browse)
        before = int(asked.before) if asked.before is not None else None
        after = int(asked.after) if asked.after is not None else None
        found = await self._reading.run(
            lambda: app.browse(
                self._data, app.Asked(**asked.wanted()), limit=asked.limit, before=before, after=after
            )
        )
        return document(found)

    async def _of_person(self, request: Request) -> Response:
        asked = query(request, questions.User)

        def of_person() -> object:
            with closing(app.open_store(self._data)) as reports:
                return reports.events_of(asked.user, asked.limit)

        return document(await self._reading.run(of_person))

    async def try_event(self, request: Request) -> Response:
        """What `gainstage preview` shows, of every destination of a source, knowing the user."""
        query(request, questions.Nothing)
        asked = await self._bodies.document(request, questions.Try)
        found = await self._reading.run(lambda: app.try_event(self._data, asked.source, bytes(asked.message)))
        return document(found)

    async def send_event(self, request: Request) -> Response:
        """As `gainstage send`, of one message."""
        query(request, questions.Nothing)
        asked = await self._bodies.document(request, questions.Try)
        noted(request, asked.source)
        sent = await self._reading.run(lambda: app.send_event(self._data, asked.source, bytes(asked.message)))
        return document(sent, 202)
