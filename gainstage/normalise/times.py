"""When an event happened: what the message says, corrected for the sender's clock where `sentAt` allows it.

Segment's SDKs and RudderStack's for Python put the sender's time into `timestamp`, RudderStack's others into
`originalTimestamp`. A message that has both was corrected by whoever sent it on, so its `timestamp` is kept.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from gainstage.clock import DAY_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_DAY_SECONDS = 86_400
#: What stands after the date and after the hour: a date alone or an hour alone has no such pair.
_SEPARATORS = frozenset(("T:", "t:", " :"))
_BASIC = re.compile(r"\d{8}[Tt ]\d{4}")
#: The first instant that a date of four digits can name.
_FIRST_US = -62_135_596_800_000_000


def instant_of(value: object) -> int | None:
    """An ISO-8601 date and time as microseconds since the epoch; None if it is no such thing.

    Any number of fraction digits; a time without a zone is taken as UTC.
    """
    if type(value) is not str or (value[10:14:3] not in _SEPARATORS and _BASIC.match(value) is None):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        try:
            moment = datetime.fromisoformat(value.strip().upper())
        except ValueError:
            return None
    since = moment - (_EPOCH if moment.tzinfo else _NAIVE_EPOCH)
    return (since.days * _DAY_SECONDS + since.seconds) * 1_000_000 + since.microseconds


def iso_of(instant_us: int) -> str:
    """An instant as ISO-8601 with milliseconds and Z."""
    second, fraction_us = divmod(instant_us, 1_000_000)
    return f"{_second(second)}.{fraction_us // 1000:03d}Z"


@lru_cache(maxsize=1024)
def _second(second: int) -> str:
    """The part of an instant that neighbouring events share."""
    return (_NAIVE_EPOCH + timedelta(seconds=second)).isoformat()


#: Every message of a batch is sent at the same instant.
_sent = lru_cache(maxsize=64)(instant_of)


def when(message: dict[str, Any], sent_around: object, received_us: int, notes: list[str]) -> int:
    """The event's time; fills in `timestamp`, `originalTimestamp` and `sentAt` of the message."""
    sent = message.get("sentAt")
    if not sent and sent_around is not None:
        sent = message["sentAt"] = sent_around
    stated, original = message.get("timestamp"), message.get("originalTimestamp")
    stated_us = instant_of(stated) if stated else None
    original_us = instant_of(original) if original else None
    told_us = original_us if stated_us is None else stated_us
    corrected_before = bool(original) and stated_us is not None
    if stated_us is not None and corrected_before:
        time_us = stated_us
    elif told_us is not None:
        time_us = _corrected(told_us, sent, received_us)
    else:
        time_us = received_us
        if original or stated:
            notes.append(
                "The time cannot be read as a full date and time; the time of receipt stands for it."
            )
    if time_us > received_us + DAY_US:
        time_us = received_us
        notes.append("The time lies more than a day after receipt; the time of receipt stands for it.")
    elif time_us < _FIRST_US:
        time_us = received_us
        notes.append("The time, corrected by `sentAt`, is no date; the time of receipt stands for it.")
    message["timestamp"] = iso_of(time_us)
    told = original or stated
    if corrected_before or (told and time_us != told_us):
        message["originalTimestamp"] = told
    elif not told and _corrected(received_us, sent, received_us) != received_us:
        # Whoever reads the message next must not correct this time by `sentAt`.
        message["originalTimestamp"] = message["timestamp"]
    return time_us


def _corrected(original_us: int, sent: object, received_us: int) -> int:
    """receivedAt - (sentAt - original): right whatever the sender's clock says, if it ran evenly."""
    sent_us = _sent(sent) if type(sent) is str else None
    return original_us if sent_us is None else received_us - (sent_us - original_us)
