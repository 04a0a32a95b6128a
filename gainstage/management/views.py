"""What answers at each path. Every view is a question to `app`, which the command line asks too."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from gainstage import app
from gainstage.configuration import Change, outline_in, outline_of
from gainstage.errors import ConfigurationError
from gainstage.management import questions
from gainstage.management.answers import Lines, Problem, document, encoded, told
from gainstage.management.arranging import ServerViews
from gainstage.management.aside import ASKERS, READERS, Aside
from gainstage.management.audiences import AudienceViews
from gainstage.management.checks import Checks
from gainstage.management.connecting import ConnectionViews
from gainstage.management.events import EventViews
from gainstage.management.figures import FigureViews
from gainstage.management.forgetting import ForgettingViews
from gainstage.management.journal import caller_of, noted, noted_changes
from gainstage.management.questions import Bodies, decoded, is_json, query

if TYPE_CHECKING:
    from gainstage.app import Reports

#: Lines that are read and sent at once.
LINES_AT_ONCE = 100
YAML = "application/yaml"
CSV = "text/csv"
SENT = "The configuration sent"
LIST_SENT = "The list sent"

T = TypeVar("T")


class Status(Protocol):
    """Where the figures come from."""

    async def status_now(self, now_us: int) -> dict[str, Any]:
        """The document of `gainstage status --json`."""
        ...


class Views:
    """The views on one data folder, which holds the configuration in force."""

    def __init__(self, data: Path, status: Status) -> None:
        self._data, self._status = data, status
        self._reading, self._asking = Aside(READERS), Aside(ASKERS)
        self._bodies, self._checks = Bodies(), Checks()
        #: Those that look through events.
        self.looking = EventViews(data, self._reading, self._bodies)
        #: Those below `/api/forget`.
        self.forgetting = ForgettingViews(data, self._reading, self._bodies)
        #: Those about the server as a whole.
        self.figures = FigureViews(data, self._reading)
        #: Those below `/api/audiences`.
        self.audiences = AudienceViews(data, self._reading, self._bodies)
        #: Those of single sources and destinations.
        self.connections = ConnectionViews(data, self._reading, self._bodies, self._checks)
        #: Those of the server as a whole.
        self.server = ServerViews(data, self._reading, self._bodies)

    async def status(self, request: Request) -> Response:
        """`gainstage status`."""
        query(request, questions.Nothing)
        return document(await self._status.status_now(time.time_ns() // 1_000))

    async def event(self, request: Request) -> Response:
        """`gainstage trace`."""
        message_id, source = request.path_params["message_id"], query(request, questions.Event).source
        found, let_go = await self._report(
            lambda reports: (reports.trace(message_id, source), reports.let_go())
        )
        if found is None:
            origin = f" from {source}" if source else ""
            sentence = f"There is no event {message_id}{origin}: check the messageId."
            raise Problem(404, "event_unknown", sentence + let_go)
        return document(found)

    async def names(self, request: Request) -> Response:
        """`gainstage names`."""
        asked = query(request, questions.Names)
        return document(await self._reading.run(lambda: app.names(self._data, asked.source, asked.limit)))

    async def forget_names(self, request: Request) -> Response:
        """`gainstage names --forget`."""
        source = query(request, questions.Source).source
        noted(request, source)
        return document(await self._reading.run(lambda: app.forget_names(self._data, source)))

    async def dead(self, request: Request) -> Response:
        """`gainstage dead list`."""
        page = query(request, questions.Page)
        wanted = app.filters(**page.wanted())
        found = await self._report(lambda reports: reports.dead.page(page.limit, page.place, **wanted))
        return document({**found, "next": "{}-{}".format(*found["next"]) if found["next"] else None})

    async def retry(self, request: Request) -> Response:
        """`gainstage dead retry`."""
        query(request, questions.Nothing)
        asked = await self._bodies.document(request, questions.Retry)
        _note(request, asked)
        wanted = app.filters(**asked.wanted())
        count = await self._report(
            lambda reports: reports.dead.retry(**wanted, message_ids=asked.message_ids)
        )
        noted(request, events=count)
        return document({"retried": count})

    async def summary(self, request: Request) -> Response:
        """`gainstage dead summary`."""
        asked = query(request, questions.Summary)
        wanted = app.filters(**asked.wanted())
        found = await self._report(lambda reports: reports.dead.causes(asked.limit, **wanted))
        if asked.format == "csv":
            return Response("".join(app.counted_lines(found["problems"])), media_type=CSV)
        return document(found)

    async def edit(self, request: Request) -> Response:
        """`gainstage dead edit`."""
        query(request, questions.Nothing)
        asked = await self._bodies.document(request, questions.Edit)
        changed = ["(message)"] if asked.message is not None else sorted({*asked.set, *asked.unset})
        noted(request, asked.message_id, source=asked.source, changed=changed)
        change = app.Change(asked.set, asked.unset, asked.message)
        edited = await self._report(lambda reports: reports.dead.edit(asked.message_id, change, asked.source))
        return document(edited)

    async def purge(self, request: Request) -> Response:
        """`gainstage dead purge`."""
        query(request, questions.Nothing)
        asked = await self._bodies.document(request, questions.Purge)
        _note(request, asked)
        wanted = app.filters(**asked.wanted())
        if not asked.confirm:
            count = await self._report(lambda reports: reports.dead.count(asked.message_ids, **wanted))
            message = f"{count} would be given up for good: send `confirm` as true to do so."
            raise Problem(422, "unconfirmed", message)
        count = await self._report(lambda reports: reports.dead.purge(asked.message_ids, **wanted))
        noted(request, events=count)
        return document({"given_up": count})

    async def export_dead(self, request: Request) -> Response:
        """`gainstage dead export`."""
        asked = query(request, questions.Export)
        _note(request, asked)
        wanted = app.filters(**asked.wanted())

        def lines() -> Generator[bytes, None, None]:
            with closing(app.open_store(self._data)) as reports:
                rows = reports.dead.exported(**wanted, limit=asked.limit)
                if asked.format == "csv":
                    yield from (line.encode(errors="replace") for line in app.csv_lines(rows))
                else:
                    yield from (encoded(row) + b"\n" for row in rows)

        made = lines()
        first = [await self._reading.run(lambda: _lines(made))]  # what is wrong at the start has a status

        async def more() -> bytes:
            return first.pop() if first else await self._reading.run(lambda: _lines(made))

        return Lines(more, lambda: self._reading.run(made.close), CSV if asked.format == "csv" else None)

    async def replays(self, request: Request) -> Response:
        """`gainstage replay list`."""
        query(request, questions.Nothing)
        return document({"replays": await self._report(lambda reports: reports.replays.newest())})

    async def begin_replay(self, request: Request) -> Response:
        """`gainstage replay`."""
        query(request, questions.Nothing)
        asked = await self._bodies.document(request, questions.Replay)
        begun = await self._report(lambda reports: reports.replays.begin(**asked.wanted()))
        noted(request, f"replay {begun['id']}", **app.without_people(asked.wanted()))
        return document(begun, 201)

    async def rehearse_replay(self, request: Request) -> Response:
        """`gainstage replay --dry-run`."""
        query(request, questions.Nothing)
        asked = await self._bodies.document(request, questions.Replay)
        return document(await self._report(lambda reports: reports.replays.rehearse(**asked.wanted())))

    async def replay(self, request: Request) -> Response:
        """`gainstage replay show`."""
        query(request, questions.Nothing)
        number = request.path_params["id"]
        return document(await self._report(lambda reports: reports.replays.show(number)))

    async def pause_replay(self, request: Request) -> Response:
        """`gainstage replay pause`."""
        query(request, questions.Nothing)
        number = request.path_params["id"]
        return document(await self._report(lambda reports: reports.replays.pause(number)))

    async def resume_replay(self, request: Request) -> Response:
        """`gainstage replay resume`."""
        query(request, questions.Nothing)
        number = request.path_params["id"]
        return document(await self._report(lambda reports: reports.replays.resume(number)))

    async def cancel_replay(self, request: Request) -> Response:
        """`gainstage replay cancel`."""
        query(request, questions.Nothing)
        number = request.path_params["id"]
        return document(await self._report(lambda reports: reports.replays.cancel(number)))

    async def check(self, request: Request) -> Response:
        """`gainstage check`."""
        query(request, questions.Nothing)
        results = await self._asking.run(lambda: app.check(self._data, None))
        for name in {result.destination for result in results} - {""}:
            self._checks.keep(name, app.summary([one for one in results if one.destination == name]))
        return document(app.summary(results))

    async def destinations(self, request: Request) -> Response:
        """Every destination and whether it works."""
        query(request, questions.Nothing)
        return document({"destinations": await self._reading.run(lambda: app.destinations(self._data))})

    async def check_destination(self, request: Request) -> Response:
        """`gainstage check`, of one destination."""
        query(request, questions.Nothing)
        name = request.path_params["name"]
        found = app.summary(await self._asking.run(lambda: app.check(self._data, None, name)))
        self._checks.keep(name, found)
        return document(found)

    async def newest_check(self, request: Request) -> Response:
        """What the last check of a destination found, while the server ran."""
        query(request, questions.Nothing)
        name = request.path_params["name"]
        await self._reading.run(lambda: app.destination(self._data, name))
        return document(self._checks.newest(name))

    async def fields(self, request: Request) -> Response:
        """`gainstage fields`."""
        query(request, questions.Nothing)
        name = request.path_params["name"]
        return document(await self._reading.run(lambda: app.kept_fields(self._data, None, name)))

    async def read_fields(self, request: Request) -> Response:
        """`gainstage fields --read`."""
        query(request, questions.Nothing)
        name = request.path_params["name"]
        try:
            found = await self._asking.run(lambda: app.read_fields(self._data, None, name))
        except app.Unreadable as error:
            raise Problem(502, "fields_unreadable", str(error)) from None
        return document(found)

    async def upload_fields(self, request: Request) -> Response:
        """`gainstage fields --upload`."""
        query(request, questions.Nothing)
        name, content = request.path_params["name"], await self._bodies.read(request)
        found = await self._reading.run(lambda: app.take_fields(self._data, None, name, content, LIST_SENT))
        return document(found)

    async def forget_fields(self, request: Request) -> Response:
        """`gainstage fields --forget`."""
        query(request, questions.Nothing)
        name = request.path_params["name"]
        return document(await self._reading.run(lambda: app.forget_fields(self._data, None, name)))

    async def preview(self, request: Request) -> Response:
        """`gainstage preview`."""
        query(request, questions.Nothing)
        name = request.path_params["name"]
        asked = await self._bodies.document(request, questions.Preview)
        messages = [bytes(message) for message in asked.messages]
        found = await self._reading.run(lambda: list(app.preview(None, self._data, name, messages)))
        return document({"events": found})

    async def configuration(self, request: Request) -> Response:
        """`gainstage export`, as JSON, or as YAML for who asks for it."""
        query(request, questions.Nothing)
        if YAML in request.headers.get("accept", ""):
            text = await self._reading.run(lambda: app.export(self._data))
            return Response(text, headers={"Cache-Control": "no-store"}, media_type=YAML)
        return document(await self._reading.run(lambda: app.export_parts(self._data)))

    async def configure(self, request: Request) -> Response:
        """`gainstage apply`."""
        query(request, questions.Nothing)
        content, as_json = await self._bodies.read(request), is_json(request)
        caller = caller_of(request)

        def permit(changes: Sequence[Change]) -> None:
            noted_changes(request, changes)
            app.refuse_guarded(changes, caller)

        def put() -> dict[str, Any]:
            file = outline_in(decoded(content, dict), SENT, {}) if as_json else outline_of(content, SENT)
            return app.apply(self._data, file, permit)

        try:
            made = await self._reading.run(put)
        except ConfigurationError as error:
            raise Problem(422, "configuration_invalid", *told(error)) from None
        if made["changed"]:
            self._checks.outdate()
        return document(made)

    async def _report(self, ask: "Callable[[Reports], T]") -> T:
        def asked() -> T:
            with closing(app.open_store(self._data)) as reports:
                return ask(reports)

        return await self._reading.run(asked)


def _note(request: Request, asked: questions.Filters) -> None:
    """Which events somebody means, without naming a person."""
    given = {**asked.wanted(), "message_ids": getattr(asked, "message_ids", None)}
    noted(request, **app.without_people(given))


def _lines(lines: Iterator[bytes]) -> bytes:
    return b"".join(islice(lines, LINES_AT_ONCE))
