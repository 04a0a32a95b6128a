"""What answers for single sources and destinations: shown, made, changed and removed without a file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from gainstage import app
from gainstage.configuration import Change
from gainstage.errors import ConfigurationError
from gainstage.management.answers import Problem, document, told
from gainstage.management.aside import Aside
from gainstage.management.checks import Checks
from gainstage.management.journal import caller_of, noted, noted_changes
from gainstage.management.questions import MOST_ROWS_A_PAGE, ROWS_A_PAGE, Bodies, Nothing, Source, Text, query

#: Comparisons that are computed at once: each plans hundreds of events twice.
COMPARISONS = 2
MOST_COMPARED = 1_000

Flag = bool | UnsetType
#: A name that is none is told at its place, with all that is wrong beside it.
Called = Annotated[str, msgspec.Meta(max_length=1_000)]


class Search(msgspec.Struct, forbid_unknown_fields=True):
    """Words; what is found has all of them."""

    search: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Rehearsed(msgspec.Struct, forbid_unknown_fields=True):
    """Whether it is only checked what would become of it."""

    dry_run: bool = False


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """The id of the write key that is replaced: with another there is nothing to do."""

    replaces: Text | None = None


class History(msgspec.Struct, forbid_unknown_fields=True):
    """So many of the newest."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS_A_PAGE)] = ROWS_A_PAGE


class DestinationPart(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What of a destination is given; null is the default."""

    type: Text | UnsetType = UNSET
    sources: list[Text] | UnsetType | None = UNSET
    types: list[Text] | UnsetType | None = UNSET
    enabled: Flag | None = UNSET
    paused: Flag | None = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


class NewDestination(DestinationPart):
    """A destination that is to be made."""

    name: Called = ""


class Comparison(DestinationPart):
    """A change, and over how many of the newest events it is looked at."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_COMPARED)] = 200


class SourcePart(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What of a source is given; null is the default."""

    kind: Text | UnsetType = UNSET
    origins: list[str] | UnsetType | None = UNSET
    rate_limit: Annotated[int, msgspec.Meta(le=2**53)] | UnsetType | None = UNSET
    enabled: Flag | None = UNSET
    oauth: dict[str, Any] | UnsetType | None = UNSET


class NewSource(SourcePart):
    """A source that is to be made; without a write key one is made."""

    name: Called = ""
    write_key: Text | UnsetType = UNSET


class ConnectionViews:
    """The views on one data folder; `reading` is where they are answered."""

    def __init__(self, data: Path, reading: Aside, bodies: Bodies, checks: Checks) -> None:
        self._data, self._reading, self._bodies, self._checks = data, reading, bodies, checks
        self._comparing = Aside(COMPARISONS)

    async def catalog(self, request: Request) -> Response:
        """What can be set up, by a search."""
        search = query(request, Search).search
        return document({"entries": app.catalog(search)})

    async def type(self, request: Request) -> Response:
        """A destination type with the inputs of its settings."""
        query(request, Nothing)
        return document(app.destination_type(request.path_params["type"]))

    async def traits(self, request: Request) -> Response:
        """Traits that were sent lately."""
        source = query(request, Source).source
        return document(await self._reading.run(lambda: app.traits(self._data, source)))

    async def destination(self, request: Request) -> Response:
        """One destination with its settings."""
        query(request, Nothing)
        name = request.path_params["name"]
        return document(await self._reading.run(lambda: app.destination(self._data, name)))

    async def add_destination(self, request: Request) -> Response:
        """Make a destination."""
        query(request, Nothing)
        asked = await self._bodies.document(request, NewDestination)
        name, given = _named(request, asked)
        permit = permit_of(request)
        made = await self._checked(lambda: app.add_destination(self._data, name, given, permit))
        return document(made, 201)

    async def change_destination(self, request: Request) -> Response:
        """Change what is given of a destination."""
        dry_run = query(request, Rehearsed).dry_run
        given = _given(await self._bodies.document(request, DestinationPart))
        name, permit = request.path_params["name"], permit_of(request, dry_run=dry_run)
        made = await self._checked(
            lambda: app.change_destination(self._data, name, given, permit, dry_run=dry_run)
        )
        if made["changed"] and not dry_run and given.keys() & {"settings", "type"}:
            self._checks.outdate(name)
        return document(made)

    async def remove_destination(self, request: Request) -> Response:
        """Take a destination out of force."""
        query(request, Nothing)
        name, permit = request.path_params["name"], permit_of(request)
        await self._checked(lambda: app.remove_destination(self._data, name, permit))
        self._checks.forget(name)
        return document({"removed": name})

    async def preview_change(self, request: Request) -> Response:
        """What a change would make of the newest events."""
        query(request, Nothing)
        asked = await self._bodies.document(request, Comparison)
        name, caller = request.path_params["name"], caller_of(request)
        given = {key: value for key, value in _given(asked).items() if key != "limit"}

        def permit(changes: Sequence[Change]) -> None:
            app.refuse_guarded(changes, caller)

        def compared() -> dict[str, Any]:
            return app.preview_change(self._data, name, given, permit, asked.limit)

        return document(await self._checked(compared, self._comparing))

    async def destination_history(self, request: Request) -> Response:
        """Who changed a destination, and when."""
        return await self._history(request, "destination")

    async def sources(self, request: Request) -> Response:
        """Every source."""
        query(request, Nothing)
        return document({"sources": await self._reading.run(lambda: app.sources(self._data))})

    async def source(self, request: Request) -> Response:
        """One source."""
        query(request, Nothing)
        name = request.path_params["name"]
        return document(await self._reading.run(lambda: app.source(self._data, name)))

    async def add_source(self, request: Request) -> Response:
        """Make a source."""
        query(request, Nothing)
        asked = await self._bodies.document(request, NewSource)
        name, given = _named(request, asked)
        permit = permit_of(request)
        made = await self._checked(lambda: app.add_source(self._data, name, given, permit))
        return document(made, 201)

    async def change_source(self, request: Request) -> Response:
        """Change what is given of a source."""
        dry_run = query(request, Rehearsed).dry_run
        given = _given(await self._bodies.document(request, SourcePart))
        name, permit = request.path_params["name"], permit_of(request, dry_run=dry_run)
        return document(
            await self._checked(lambda: app.change_source(self._data, name, given, permit, dry_run=dry_run))
        )

    async def remove_source(self, request: Request) -> Response:
        """Take a source out of force."""
        query(request, Nothing)
        name, permit = request.path_params["name"], permit_of(request)
        await self._checked(lambda: app.remove_source(self._data, name, permit))
        return document({"removed": name})

    async def rotate_key(self, request: Request) -> Response:
        """Give a source a new write key."""
        replaces = query(request, Rotation).replaces
        name, permit = request.path_params["name"], permit_of(request)
        return document(
            await self._checked(lambda: app.rotate_key(self._data, name, permit, replaces=replaces))
        )

    async def remove_key(self, request: Request) -> Response:
        """Take a former write key no more."""
        query(request, Nothing)
        name, key, permit = request.path_params["name"], request.path_params["key"], permit_of(request)
        await self._checked(lambda: app.remove_key(self._data, name, key, permit))
        return document({"removed": key})

    async def source_history(self, request: Request) -> Response:
        """Who changed a source, and when."""
        return await self._history(request, "source")

    async def _history(self, request: Request, kind: Literal["source", "destination"]) -> Response:
        limit, name = query(request, History).limit, request.path_params["name"]
        found = await self._reading.run(lambda: app.changes_of(self._data, kind, name, limit))
        return document({"changes": found})

    async def _checked(self, ask: Callable[[], Any], aside: Aside | None = None) -> Any:
        """What is asked; what cannot be used is told with every problem, and where it stands."""
        try:
            return await (aside or self._reading).run(ask)
        except ConfigurationError as error:
            raise Problem(422, "configuration_invalid", *told(error)) from None


def _given(asked: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name in asked.__struct_fields__ if (value := getattr(asked, name)) is not UNSET}


def _named(request: Request, asked: NewDestination | NewSource) -> tuple[str, dict[str, Any]]:
    given = _given(asked)
    name = str(given.pop("name", ""))
    noted(request, name)
    return name, given


def permit_of(request: Request, *, dry_run: bool = False) -> Callable[[Sequence[Change]], None]:
    """Notes what would change, and lets pass what the caller may change."""
    caller = caller_of(request)

    def permit(changes: Sequence[Change]) -> None:
        noted(request, dry_run=dry_run or None)
        noted_changes(request, changes)
        app.refuse_guarded(changes, caller)

    return permit
