"""What a form of a page sends."""

from collections.abc import Iterator
from urllib.parse import parse_qsl

from starlette.requests import Request

#: The most that a form may hold: a configuration of some hundred mapped fields is far below.
LARGEST_FORM = 4 * 1024 * 1024
MOST_FIELDS = 20_000


class FormTooLarge(Exception):
    """More was sent than any form here holds."""


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


async def read_form(request: Request) -> Form:
    """The form of a request.

    Raises:
        FormTooLarge: it holds more than any here may.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise FormTooLarge
    text = body.decode("utf-8", "replace")
    try:
        return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise FormTooLarge from None
