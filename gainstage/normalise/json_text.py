"""Reading JSON that senders really write.

msgspec reads fast and strictly. What it refuses and other readers take is mended on a slow way: halves of
surrogate pairs (cut emoji, as JavaScript writes them), NaN and Infinity (as Python writes them) and numbers
too large for a float. Nothing here raises anything but `Unreadable`.
"""

import json
import math
import re
from typing import Any

import msgspec

#: Deeper than any real message, and far from where recursion ends.
LEVELS = 200

MENDED = "Characters or numbers that JSON does not allow were replaced."

_any = msgspec.json.Decoder()
_strings = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class Unreadable(Exception):
    """Not JSON, whichever way it is read. The text says why."""


class TooDeep(Unreadable):
    """Nested more than LEVELS deep."""


class _Id(msgspec.Struct):
    message_id: Any = msgspec.field(default=None, name="messageId")


_id = msgspec.json.Decoder(_Id)


def decode(text: bytes, notes: list[str]) -> Any:
    """Read a JSON text; `notes` gets a sentence if it had to be mended.

    Raises:
        Unreadable: it is not JSON, or nested too deep.
    """
    if too_deep(text):
        raise TooDeep("nested too deeply")
    try:
        return _any.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        mended = mend(text)
    notes.append(MENDED)
    try:
        return _any.decode(mended)
    except (msgspec.MsgspecError, RecursionError):  # the two readers' limits differ by a digit
        raise Unreadable("a number too long to be one") from None


def too_deep(text: bytes) -> bool:
    """Whether a JSON text is nested more than LEVELS deep."""
    # Splitting finds brackets several times faster than counting does.
    brackets = len(text.split(b"{", LEVELS + 1)) + len(text.split(b"[", LEVELS + 1)) - 2
    return brackets > LEVELS and _depth(text) > LEVELS


def mend(text: bytes) -> bytes:
    """Strict JSON that says what `text` says, if a lenient reader can read it.

    Raises:
        Unreadable: no reader could.
    """
    try:
        value = json.loads(text.decode(), parse_constant=_no_number, parse_float=_finite)
        return _whole_characters(json.dumps(value, ensure_ascii=False, allow_nan=False)).encode()
    except RecursionError:
        raise TooDeep("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"{error.msg} at character {error.pos}") from None
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 at byte {error.start}") from None
    except ValueError:
        raise Unreadable("a number too long to be one") from None


def message_id_in(text: bytes) -> Any:
    """The `messageId` of a message, without reading the rest of it into memory.

    Raises:
        Unreadable: it is not an object in JSON.
    """
    try:
        return _id.decode(text).message_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unreadable("not an object in JSON") from None


def _no_number(name: str) -> None:
    """NaN and the infinities, which JSON has no word for."""
    return


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _whole_characters(text: str) -> str:
    """Join surrogate pairs and replace halves that stand alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _depth(text: bytes) -> int:
    """How deep brackets nest outside of strings; as good as the text is JSON."""
    depth = deepest = 0
    for byte in _strings.sub(b"", text):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
