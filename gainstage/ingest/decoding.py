"""From a body to entries. Messages are kept as the bytes that came; only their ids are read here.

What is wrong with a message is for `gainstage.normalise` to say, later and by name. A request is refused only
if its body cannot be decoded as a whole.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from gainstage.event import EVENT_BYTES
from gainstage.ingest.answers import Refused, refusal
from gainstage.log.contract import Entry
from gainstage.normalise import Surroundings, identifier, with_address
from gainstage.normalise.json_text import LEVELS, Unreadable, mend, too_deep

#: Far beyond Segment's 2,500; what it bounds is the memory that a body of tiny items could take.
ITEMS_AT_MOST = 20_000
#: The surroundings are kept with every message: what they may take in all.
SURROUNDINGS_BYTES = 16 * 1024 * 1024

EVENT_TOO_LARGE = refusal(400, "event_too_large", f"the event is larger than {EVENT_BYTES} bytes")
NO_BATCH = refusal(400, "invalid_batch", "the body must be an object with a list in `batch`")
TOO_MANY = refusal(413, "body_too_large", f"the batch has more than {ITEMS_AT_MOST} events")
TOO_MUCH_AROUND = refusal(413, "body_too_large", "`context` and `integrations` of the batch are too large")
TOO_DEEP = refusal(400, "invalid_json", f"the body is nested more than {LEVELS} levels deep")


class Ids(msgspec.Struct, rename="camel", gc=False):
    """What decides where a message is kept."""

    user_id: Any = None
    anonymous_id: Any = None
    message_id: Any = None
    write_key: Any = None


class BatchBody(msgspec.Struct, rename="camel"):
    """The body of a batch path, each message as the bytes that came."""

    batch: list[msgspec.Raw]
    write_key: Any = None
    sent_at: Any = None
    context: Any = None
    integrations: Any = None
    channel: Any = None


_DIRECT = b'"direct"'
_ids = msgspec.json.Decoder(Ids)
_batch = msgspec.json.Decoder(BatchBody)


class Decoded(msgspec.Struct):
    """The messages of a request, and the write key that its body names."""

    messages: Sequence[bytes | msgspec.Raw]
    write_key: Any
    surroundings: bytes

    def note_address(self, ip: str, *, client_side: bool) -> None:
        """Note the sender's address: for every message, or for those whose `context.direct` says that the
        sender is the user's device.
        """
        if client_side:
            self.surroundings = with_address(self.surroundings, "ip", ip)
        elif any(_DIRECT in bytes(text) for text in (self.surroundings, *self.messages)):
            self.surroundings = with_address(self.surroundings, "directIp", ip)

    def entries(self, source: str, received_us: int) -> list[Entry]:
        """What the log keeps."""
        around = self.surroundings
        return [
            Entry(source, _key(message), received_us, place, around, bytes(message))
            for place, message in enumerate(self.messages)
        ]


#: From a whole body, inflated, to its messages.
Decode = Callable[[bytes], Decoded]


def decode_batch(body: bytes) -> Decoded:
    """The messages of a batch path.

    Raises:
        Refused: the body is no JSON, or holds no list of messages, or too much.
    """
    try:
        return _decoded_batch(body)
    except msgspec.ValidationError:
        raise Refused(NO_BATCH) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mended = _mended(body)
    try:
        return _decoded_batch(mended)
    except msgspec.MsgspecError:
        raise Refused(NO_BATCH) from None
    except RecursionError:
        raise Refused(TOO_DEEP) from None


def decode_single(body: bytes, surroundings: bytes) -> Decoded:
    """The one message of a path that names its type.

    Raises:
        Refused: the body is no JSON, or too large.
    """
    if len(body) > EVENT_BYTES:
        raise Refused(EVENT_TOO_LARGE)
    try:
        write_key = _ids.decode(body).write_key
    except msgspec.ValidationError:  # JSON, but no object: kept, and explained later
        write_key = None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = _mended(body)
        write_key = _ids_of(body).write_key
    return Decoded((body,), write_key, surroundings)


def undecodable(body: bytes) -> Decoded:
    """A body that is no JSON, kept as one message that `normalise` will refuse."""
    return Decoded((body,), None, b"")


def _decoded_batch(body: bytes) -> Decoded:
    read = _batch.decode(body)
    if len(read.batch) > ITEMS_AT_MOST:
        raise Refused(TOO_MANY)
    around = Surroundings(
        sent_at=read.sent_at, context=read.context, integrations=read.integrations, channel=read.channel
    ).encoded()
    if len(around) * len(read.batch) > SURROUNDINGS_BYTES:
        raise Refused(TOO_MUCH_AROUND)
    if too_deep(around):
        raise Refused(TOO_DEEP)
    write_key = read.write_key
    if write_key is None and read.batch:
        write_key = _ids_of(read.batch[0]).write_key
    return Decoded(read.batch, write_key, around)


def _mended(body: bytes) -> bytes:
    try:
        return mend(body)
    except Unreadable as error:
        raise Refused(refusal(400, "invalid_json", f"the body is not JSON: {error}")) from None


def _ids_of(message: bytes | msgspec.Raw) -> Ids:
    try:
        return _ids.decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Ids()


def _key(message: bytes | msgspec.Raw) -> str:
    """The user whose order counts: userId, else anonymousId, else the message itself."""
    ids = _ids_of(message)
    return _text(ids.user_id) or _text(ids.anonymous_id) or _text(ids.message_id)


def _text(value: Any) -> str:
    if type(value) is str:
        return value if not value.isspace() else ""
    try:
        return identifier(value)
    except TypeError:
        return ""
