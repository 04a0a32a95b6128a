"""What a form of a page sends."""

from collections.abc import Iterator
from urllib.parse import parse_qsl

from starlette.requests import Request

from gainstage.body import READ_SECONDS, Fault, Reader, Unread

#: The most that a form may hold: a configuration of some hundred mapped fields is far below.
LARGEST_FORM = 4 * 1024 * 1024
#: The same where no login is needed: a name and a password.
LARGEST_OPEN_FORM = 64 * 1024
#: What forms that arrive in pieces may hold together; those that need no login have a share of their own.
TOGETHER_BYTES = 64 * 1024 * 1024
OPEN_TOGETHER_BYTES = 16 * 1024 * 1024
MOST_FIELDS = 20_000
#: When to come again where too many arrive at once, in seconds.
UNAVAILABLE_SECONDS = 5


class FormRefused(Exception):
    """A form that cannot be taken: a status, a code for programs and a sentence for people."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def refused(fault: Fault) -> FormRefused:
    """What to say of a form that was not read."""
    too_large = (413, "too_large", "This form holds more than can be taken.")
    match fault:
        case Fault.TOO_LARGE:
            return FormRefused(*too_large)
        case Fault.FAR_TOO_LARGE:
            return FormRefused(*too_large, connection="close")
        case Fault.TOO_SLOW:
            slow = f"This form took too long, more than {READ_SECONDS:.0f} s: send it again."
            return FormRefused(408, "too_slow", slow, connection="close")
        case Fault.TOO_MANY:
            many = f"Too many large forms arrive at once: send it again in {UNAVAILABLE_SECONDS} s."
            return FormRefused(
                503, "unavailable", many, retry_after=str(UNAVAILABLE_SECONDS), connection="close"
            )
        case Fault.INVALID_LENGTH:
            return FormRefused(
                400, "invalid_length", "The form's Content-Length is no number.", connection="close"
            )


class Form:
    """The fields of a form by name; of several of a name, in their order."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def get(self, name: str, default: str = "") -> str:
        """What was entered, without space around it; `default` where the form has no such field."""
        return self._values.get(name, [default])[-1].strip()

    def raw(self, name: str) -> str:
        """What was entered, as it is: for passwords and JSON."""
        return self._values.get(name, [""])[-1]

    def all(self, name: str) -> list[str]:
        """Every value of a name that is not empty: of a group of check boxes or of rows."""
        return [value.strip() for value in self._values.get(name, []) if value.strip()]

    def rows(self, *names: str) -> Iterator[tuple[str, ...]]:
        """Rows of a table of fields, one value of each name; they come in the order of the page."""
        columns = [[value.strip() for value in self._values.get(name, [])] for name in names]
        return zip(*columns, strict=False)

    def has(self, name: str) -> bool:
        """Whether the form sent a field of the name: a ticked box, or the button that was pressed."""
        return name in self._values

    def names(self) -> list[str]:
        """The names of all fields, in the order in which each came first."""
        return list(self._values)


class Forms:
    """Reads forms, and bounds what all of them hold together."""

    def __init__(self) -> None:
        self._reader = Reader(LARGEST_FORM, TOGETHER_BYTES)
        self._open_reader = Reader(LARGEST_OPEN_FORM, OPEN_TOGETHER_BYTES)

    async def read(self, request: Request, *, is_open: bool) -> Form:
        """The form of a request; `is_open` where nobody has to be logged in to send it.

        Raises:
            FormRefused: it is too large, too slow, or one of too many at once.
            Disconnected: nobody is there to be answered.
        """
        reader = self._open_reader if is_open else self._reader
        try:
            body = await reader.read(dict(request.scope["headers"]).get(b"content-length"), request.receive)
        except Unread as unread:
            raise refused(unread.fault) from None
        try:
            return Form(
                parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
            )
        except ValueError:
            raise refused(Fault.TOO_LARGE) from None
