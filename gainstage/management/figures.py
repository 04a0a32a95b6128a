"""What answers about a server as a whole: figures over time, budgets, what needs somebody, what it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gainstage import app
from gainstage.management.answers import document
from gainstage.management.aside import Aside
from gainstage.management.questions import Nothing, Text, query

if TYPE_CHECKING:
    from gainstage.app import Period


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """A period, and of what."""

    since: Text = msgspec.field(name="from", default="24h")
    to: Text | None = None
    step: Annotated[int, msgspec.Meta(ge=60, le=31_622_400)] | None = None
    source: Text | None = None
    destination: Text | None = None

    def asked(self) -> "Period":
        """As `app` takes it."""
        return app.Period(self.since, self.to, self.step, self.source, self.destination)


class FigureViews:
    """The views on one data folder."""

    def __init__(self, data: Path, reading: Aside) -> None:
        self._data, self._reading = data, reading
        #: Each with its path.
        self.by_path = {
            "/api/figures": self.figures,
            "/api/budgets": self.budgets,
            "/api/attention": self.attention,
            "/api/about": self.about,
        }

    async def figures(self, request: Request) -> Response:
        """`gainstage figures`."""
        asked = query(request, Query).asked()
        return document(await self._reading.run(lambda: app.figures(self._data, asked)))

    async def budgets(self, request: Request) -> Response:
        """What is used of every budget, by whom, and what is expected."""
        query(request, Nothing)
        return document(await self._reading.run(lambda: app.budget_use(self._data)))

    async def attention(self, request: Request) -> Response:
        """What needs somebody."""
        query(request, Nothing)
        return document(await self._reading.run(lambda: app.attention(self._data)))

    async def about(self, request: Request) -> Response:
        """What this server is, and how much it keeps."""
        query(request, Nothing)
        return document(await self._reading.run(lambda: app.about(self._data)))
