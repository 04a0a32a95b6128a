"""What requests must look like. Nothing is skipped: a misspelled filter would leave out a restriction."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from starlette.requests import Request

from gainstage.ingest.answers import Refused
from gainstage.ingest.body import BodyReader, inflated
from gainstage.management.answers import Problem

ROWS_A_PAGE = 100
MOST_ROWS_A_PAGE = 1_000
EVENTS_A_PAGE, MOST_EVENTS_A_PAGE = 50, 200
MOST_MESSAGES = 1_000
MOST_NAMES = 10_000

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
Texts = Annotated[tuple[Text, ...], msgspec.Meta(max_length=1_000)]
Place = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,18}\Z")]
T = TypeVar("T")


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No parameter at all."""


class Event(msgspec.Struct, forbid_unknown_fields=True):
    """Which of several events of one message id."""

    source: Text | None = None


class User(msgspec.Struct, forbid_unknown_fields=True):
    """Whose events."""

    user: Text
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS_A_PAGE)] = 20


class Browse(msgspec.Struct, forbid_unknown_fields=True):
    """Which events, the newest first: `before` is the `next` of a page, `after` its `newest`."""

    message_id: Text | None = None
    user_id: Text | None = None
    email: Text | None = None
    company: Text | None = None
    kind: Text | None = msgspec.field(default=None, name="type")
    name: Text | None = msgspec.field(default=None, name="event")
    source: Text | None = None
    destination: Text | None = None
    outcome: Text | None = None
    reason: Text | None = None
    since: Text | None = None
    until: Text | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_EVENTS_A_PAGE)] = EVENTS_A_PAGE
    before: Place | None = None
    after: Place | None = None

    def wanted(self) -> dict[str, str | None]:
        """The filters by their names."""
        return {name: getattr(self, name) for name in Browse.__struct_fields__[:-3]}


class Source(msgspec.Struct, forbid_unknown_fields=True):
    """Of one source, or of all."""

    source: Text | None = None


class Names(Source):
    """Names of its events, the most frequent first."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_NAMES)] = 1_000


class Filters(msgspec.Struct, forbid_unknown_fields=True):
    """Which failed and parked events."""

    destination: Text | None = None
    reason: Text | None = None
    outcome: Literal["failed", "parked"] | None = None
    since: Text | None = None
    until: Text | None = None
    user: Text | None = None
    kind: Text | None = msgspec.field(default=None, name="type")
    name: Text | None = msgspec.field(default=None, name="event")

    def wanted(self) -> dict[str, str | None]:
        """The filters by their names."""
        return {name: getattr(self, name) for name in Filters.__struct_fields__}


class Page(Filters):
    """A page of them. `after` is the `next` of the page before."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS_A_PAGE)] = ROWS_A_PAGE
    after: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,18}-[0-9]{1,18}\Z")] = "0-0"

    @property
    def place(self) -> tuple[int, int]:
        """Where the page before ended."""
        event, _, destination = self.after.partition("-")
        return int(event), int(destination)


class Summary(Filters):
    """All of them, or the newest so many."""

    format: Literal["json", "csv"] = "json"
    limit: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None


class Export(Filters):
    """All of them, or so many."""

    format: Literal["json", "csv"] = "json"
    limit: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None


class Retry(Filters):
    """These, or all that fit."""

    message_ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=100_000)] | None = None


class Edit(msgspec.Struct, forbid_unknown_fields=True):
    """Which event, and what is corrected: parts by path, or the message as a whole."""

    message_id: Text
    source: Text | None = None
    set: dict[str, Any] = msgspec.field(default_factory=dict)
    unset: tuple[str, ...] = ()
    message: dict[str, Any] | None = None


class Purge(Retry):
    """These, or all that fit; `confirm` must say so."""

    confirm: bool = False


class Replay(msgspec.Struct, forbid_unknown_fields=True):
    """Which history is sent again, and where."""

    since: Text = msgspec.field(name="from")
    to: Text | None = None
    sources: Texts = ()
    types: Texts = ()
    events: Texts = ()
    user: Text | None = None
    destinations: Texts = ()
    outcomes: Texts = ()
    resend_events: bool = False

    def wanted(self) -> dict[str, Any]:
        """As `Replays` takes it."""
        names = [name for name in Replay.__struct_fields__ if name != "since"]
        return {"from_": self.since, **{name: getattr(self, name) for name in names}}


class Preview(msgspec.Struct, forbid_unknown_fields=True):
    """Messages, each as an SDK would send it."""

    messages: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MOST_MESSAGES)]


class Try(msgspec.Struct, forbid_unknown_fields=True):
    """A message, as an SDK of the source would send it."""

    source: Text
    message: msgspec.Raw


def query(request: Request, kind: type[T]) -> T:
    """The parameters of the address.

    Raises:
        Problem: they are not what this path takes.
    """
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(400, "invalid_query", f"The query cannot be used: {_said(error)}.") from None


class Bodies:
    """Reads bodies, with the limits of the tracking API."""

    def __init__(self) -> None:
        self._reader = BodyReader()

    async def read(self, request: Request) -> bytes:
        """A body, inflated where it is compressed.

        Raises:
            Problem: too large, too slow, broken.
            Disconnected: nobody is there to be answered.
        """
        try:
            return inflated(await self._reader.read(dict(request.scope["headers"]), request.receive))
        except Refused as refused:
            answer = refused.answer
            said = msgspec.json.decode(answer.body)
            headers = {name.decode().replace("-", "_"): value.decode() for name, value in answer.headers}
            message = f"Nothing was done: {said['message']}."
            raise Problem(answer.status, said["code"], message, None, **headers) from None

    async def document(self, request: Request, kind: type[T]) -> T:
        """A JSON body of this form.

        Raises:
            Problem: it is none.
        """
        return decoded(await self.read(request), kind)


def decoded(body: bytes, kind: type[T]) -> T:
    """A JSON document of this form."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(400, "invalid_body", f"The body cannot be used: {_said(error)}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "invalid_json", f"The body is no JSON: {_said(error)}.") from None
    except RecursionError:
        raise Problem(400, "invalid_json", "The body is no JSON: it is nested too deeply.") from None


def is_json(request: Request) -> bool:
    """Whether the sender calls the body JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _said(error: Any) -> str:
    return str(error).rstrip(".")[:300]
