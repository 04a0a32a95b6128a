"""What a request says for all its messages, and how it joins what each message says itself."""

from functools import lru_cache
from typing import Any, Literal

import msgspec

from gainstage.log.contract import Entry


class Surroundings(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The part of a request around its messages. Kept with every entry, and only if it says anything."""

    #: The sender's clock when the request left, ISO-8601.
    sent_at: Any = None
    context: Any = None
    integrations: Any = None
    #: The kind that the request's path names; it wins over a message's own.
    type: str = ""
    channel: Any = None
    #: The address of the device that sent, for a `context.ip` that is not there.
    ip: str = ""
    #: The same, for messages whose `context.direct` is true alone: the source is a server.
    direct_ip: str = ""
    #: The `send` that brought the messages.
    run: int | None = None
    #: How urgent the messages are; 0: live.
    priority: int = 0
    #: What was corrected by hand, in sentences, the first correction first.
    edits: tuple[str, ...] = ()
    #: The log could not give the message back as it was.
    damaged: bool = False

    def encoded(self) -> bytes:
        """As `Entry.surroundings` holds it: JSON, or nothing at all."""
        text = _encoder.encode(self)
        return b"" if text == b"{}" else text


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Surroundings)

NOTHING = Surroundings()


@lru_cache(maxsize=64)
def surroundings_of(text: bytes) -> Surroundings:
    """Read `Entry.surroundings`. Shared between the messages of a request: not to be changed."""
    return _decoder.decode(text)


def with_address(text: bytes, name: Literal["ip", "directIp"], address: str) -> bytes:
    """Encoded surroundings with an address in them."""
    told = b'{"%s":%s' % (name.encode(), msgspec.json.encode(address))
    return told + (b"," + text[1:] if text else b"}")


def with_edit(text: bytes, sentence: str) -> bytes:
    """Encoded surroundings that tell of one more correction."""
    around = surroundings_of(text) if text else NOTHING
    return msgspec.structs.replace(around, edits=(*around.edits, sentence)).encoded()


def is_edited(entry: Entry) -> bool:
    """Whether somebody corrected the message."""
    return bool(entry.surroundings and surroundings_of(entry.surroundings).edits)


def is_damaged(entry: Entry) -> bool:
    """Whether the log could not give the message back as it was."""
    return bool(entry.surroundings and surroundings_of(entry.surroundings).damaged)


def run_of(entry: Entry) -> int | None:
    """The `send` that brought an entry, if one did."""
    return surroundings_of(entry.surroundings).run if entry.surroundings else None


def priority_of(entry: Entry) -> int:
    """How urgent an entry is: 0 live, 1 of audiences, 2 history."""
    return surroundings_of(entry.surroundings).priority if entry.surroundings else 0


def merged(around: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Two contexts as one: the message's own wins, and objects that both have are joined key by key."""
    result = {**around, **own}
    for key, value in around.items():
        own_value = own.get(key)
        if type(value) is dict and type(own_value) is dict:
            result[key] = {**value, **own_value}
    return result
