"""What is fuzzed: an input through the tracking API's decoder and on to events, with every promise checked.

The first byte of an input chooses the way in, the rest is what a sender sends: a body (plain or gzip) for a
batch or a single event, or the query of a pixel. Nothing but `Refused` may be raised, a refusal is one that
an SDK can read, and what is let in can be kept, read again and routed.
"""

import json
from collections.abc import Callable
from functools import partial

import msgspec

from gainstage.event import KINDS, MESSAGE_ID_CHARACTERS, Event, Refusal
from gainstage.ingest.answers import Refused
from gainstage.ingest.body import BODY_BYTES, inflated
from gainstage.ingest.decoding import ITEMS_AT_MOST, Decoded, decode_batch, decode_single, undecodable
from gainstage.ingest.pixel import decode_pixel
from gainstage.log.contract import Entry
from gainstage.log.partition import partition_of
from gainstage.normalise import Surroundings, normalise
from gainstage.reason import REASONS

NOW_US = 1_795_348_800_000_000
PARTITIONS = 8
#: Of a batch; the others are counted only, so that a large one does not look like a hang.
NORMALISED_AT_MOST = 50

_read_entry = msgspec.msgpack.Decoder(Entry).decode


def batch(sent: bytes) -> Decoded:
    """As the batch paths do."""
    return decode_batch(inflated(sent))


def single(kind: str, sent: bytes) -> Decoded:
    """As the path of one kind does."""
    return decode_single(inflated(sent), Surroundings(type=kind).encoded())


def pixel(kind: str, sent: bytes) -> Decoded:
    """As the image of one kind does."""
    return decode_pixel(sent, Surroundings(type=kind, channel="web").encoded())


WAYS_IN: tuple[Callable[[bytes], Decoded], ...] = (
    batch,
    *(partial(single, kind) for kind in KINDS),
    *(partial(pixel, kind) for kind in KINDS),
    undecodable,
)


def check(data: bytes) -> None:
    """Send one input through; an exception is a finding."""
    if not data:
        return
    sent = data[1:]
    try:
        decoded = WAYS_IN[data[0] % len(WAYS_IN)](sent)
    except Refused as refused:
        answer = refused.answer
        told = json.loads(answer.body)
        assert 400 <= answer.status < 500 and told["code"] == answer.code and told["message"]
        return
    decoded.note_address("192.0.2.7", client_side=bool(data[0] & 1))
    entries = decoded.entries("site", NOW_US)
    assert len(entries) == len(decoded.messages) <= ITEMS_AT_MOST
    assert sum(len(entry.body) for entry in entries) <= 4 * BODY_BYTES
    for entry in entries[:NORMALISED_AT_MOST]:
        assert _read_entry(msgspec.msgpack.encode(entry)) == entry
        assert 0 <= partition_of(entry.key, PARTITIONS) < PARTITIONS
        check_result(entry)


def check_result(entry: Entry) -> None:
    """What becomes of an entry: the same on every read, and something that the store can hold."""
    result = normalise("0-1", entry)
    assert normalise("0-1", entry) == result
    assert 0 < len(result.message_id) <= MESSAGE_ID_CHARACTERS
    if isinstance(result, Refusal):
        assert result.code in REASONS and result.detail
        result.detail.encode()
        return
    assert isinstance(result, Event) and result.kind in KINDS
    assert result.user_id or result.anonymous_id
    assert msgspec.json.decode(msgspec.json.encode(result.message)) == result.message
    msgspec.json.encode(result)
