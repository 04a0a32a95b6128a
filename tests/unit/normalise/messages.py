"""Messages as entries of the log, and what becomes of them."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from gainstage.event import Event, Refusal
from gainstage.log.contract import Entry
from gainstage.normalise import Surroundings, normalise

RECEIVED = datetime(2026, 11, 22, 12, 0, 0, 250_000, UTC)
RECEIVED_US = 1_795_348_800_250_000


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entry(message: object, around: Surroundings = Surroundings(), received_us: int = RECEIVED_US) -> Entry:
    body = message if isinstance(message, bytes) else msgspec.json.encode(message)
    return Entry("site", "", received_us, 3, around.encoded(), body)


def event(message: object, around: Surroundings = Surroundings()) -> Event:
    result = normalise("0-7", entry(message, around))
    assert isinstance(result, Event), result
    return result


def refusal(message: object, around: Surroundings = Surroundings()) -> Refusal:
    result = normalise("0-7", entry(message, around))
    assert isinstance(result, Refusal), result
    return result


TRACK: dict[str, Any] = {"type": "track", "userId": "ann", "event": "Report Exported"}
