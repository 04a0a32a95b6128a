"""Events from the address of an image: no body, only the query. Whatever comes, the image is shown."""

import binascii
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from gainstage.ingest.answers import Answer, Refused, refusal
from gainstage.ingest.decoding import Decoded, decode_single

#: One transparent point.
GIF = Answer(
    200,
    binascii.unhexlify(
        "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
    ),
    (
        (b"cache-control", b"no-store"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ),
    kind=b"image/gif",
)

FIELDS_AT_MOST = 1000
#: How deep a name with dots may lead; what follows stays one name.
LEVELS_AT_MOST = 20

_TRUTH = {"true": True, "false": False}

INVALID_QUERY = refusal(400, "invalid_query", f"the query has more than {FIELDS_AT_MOST} fields")
INVALID_DATA = refusal(400, "invalid_data", "`data` of the query is not base64")


def decode_pixel(query: bytes, surroundings: bytes) -> Decoded:
    """The message that a query holds: as JSON in base64 in `data`, else by names with dots.

    Raises:
        Refused: it holds none that can be read.
    """
    try:
        pairs = parse_qsl(query.decode("utf-8", "replace"), max_num_fields=FIELDS_AT_MOST)
    except ValueError:
        raise Refused(INVALID_QUERY) from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    write_key = fields.pop("writeKey", None)
    if data := fields.get("data"):
        decoded = decode_single(_unpacked(data), surroundings)
        return Decoded(decoded.messages, decoded.write_key or write_key, surroundings)
    message: dict[str, Any] = {}
    for name, value in fields.items():
        steps = name.split(".", LEVELS_AT_MOST)
        # A query has only texts, and who may have an event is told by truth values.
        _put(message, steps, _TRUTH.get(value, value) if steps[0] == "integrations" else value)
    return Decoded((msgspec.json.encode(message),), write_key, surroundings)


def _unpacked(data: str) -> bytes:
    """Base64 of either alphabet, padded or not; a plus sign that no one escaped has become a space."""
    text = data.strip().replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        raise Refused(INVALID_DATA) from None


def _put(message: dict[str, Any], steps: list[str], value: object) -> None:
    """Set a value at its place; where another one stands in the way, that one stays."""
    holder = message
    for step in steps[:-1]:
        inner = holder.setdefault(step, {})
        if type(inner) is not dict:
            return
        holder = inner
    holder.setdefault(steps[-1], value)
