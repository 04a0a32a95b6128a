"""A message as a person corrected it: what is changed, and what becomes of the entry that holds it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gainstage.app.entries import read
from gainstage.app.moments import iso
from gainstage.errors import UsageError
from gainstage.event import Event
from gainstage.log.contract import Entry
from gainstage.normalise import with_edit


class Change(msgspec.Struct, frozen=True):
    """What is to be changed: values by path (`traits.email`), paths to take out, or the whole message."""

    set: dict[str, Any] = msgspec.field(default_factory=dict)
    unset: tuple[str, ...] = ()
    message: dict[str, Any] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not self.set and not self.unset and self.message is None


def edited(entry: Entry, change: Change, row: Mapping[str, Any], now_us: int) -> tuple[Entry, Event]:
    """The corrected entry, and the event that it holds.

    `row` tells where the entry stands, and the event's `message_id`. Source, receipt and place stay: a
    corrected value is as old as the event, and never overwrites a newer one.

    Raises:
        UsageError: a path leads through something that is no object, or the message would be refused.
    """
    if change.is_empty:
        raise UsageError("Say what is to be changed: --set PATH=VALUE, --unset PATH, or --message FILE.")
    message = change.message if change.message is not None else _message(entry)
    for path, value in change.set.items():
        _parent(message, path)[path.rpartition(".")[2]] = value
    for path in change.unset:
        _parent(message, path).pop(path.rpartition(".")[2], None)
    message.setdefault("messageId", row["message_id"])
    told = ", ".join((*change.set, *change.unset)) or "the whole message"
    note = f"Corrected by hand {iso(now_us)}: {told}."
    corrected = msgspec.structs.replace(
        entry, body=msgspec.json.encode(message), surroundings=with_edit(entry.surroundings, note)
    )
    result = read(row, corrected)
    if not isinstance(result, Event):
        raise UsageError(f"The corrected message would be refused: {result.detail}")
    if result.message_id != row["message_id"]:
        raise UsageError("The messageId cannot be changed: it names the event.")
    return corrected, result


def _message(entry: Entry) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(entry.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise UsageError("The message is no JSON object: give a whole one with --message FILE.")
    return message


def _parent(message: dict[str, Any], path: str) -> dict[str, Any]:
    """The object that holds the last part of a path; made where it is not there."""
    *outer, last = path.split(".")
    if not last or not all(outer):
        raise UsageError(f"'{path}' is no path: write it like traits.email.")
    place = message
    for name in outer:
        inner = place.setdefault(name, {})
        if not isinstance(inner, dict):
            raise UsageError(f"'{path}' leads through {name}, which is no object.")
        place = inner
    return place
