"""Who did what: noted before anything is done, and ended with what came of it.

Nothing that is secret and nobody's personal data is noted: names of settings, and values only where these are
names and numbers themselves; the number of a request and not whom it is about; that a person was filtered
by and not which.
"""

import contextlib
import getpass
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gainstage.accounts import ADMIN, Caller
from gainstage.app.configuring import in_force
from gainstage.app.folder import opened_store
from gainstage.app.moments import iso
from gainstage.configuration import Change, Seal
from gainstage.connection import Configuration
from gainstage.errors import DataUnusable, NotAllowed, UsageError
from gainstage.store.account_rows import AuditFilter, AuditRow
from gainstage.store.store import FILE_NAME, Store

BEGUN, DONE, REFUSED, FAILED = OUTCOMES = ("begun", "done", "refused", "failed")
OBJECT_CHARACTERS = 300
#: Lists in a detail are cut to this, with the number of what is left out.
LISTED = 100
#: Entries of an action that are looked at for one source or destination.
LOOKED_AT = 1_000


class Note:
    """What is known of an action while it is done."""

    def __init__(self, object_: str = "", **detail: Any) -> None:
        self.object, self.detail = object_, detail

    def add(self, object_: str | None = None, **detail: Any) -> None:
        """Learn on what it is done, and how. What is None, or says nothing, is left out."""
        self.object = self.object if object_ is None else object_
        self.detail |= {name: value for name, value in detail.items() if value not in (None, "", [], ())}

    def add_changes(self, changes: Iterable[Change]) -> None:
        """Learn which settings it changes, and how those that may be told: `values` has `[before, after]` by
        the place.
        """
        listed = list(changes)
        values = {one.place: list(one.values) for one in listed[:LISTED] if one.values is not None}
        self.add(changed=[one.place for one in listed], values=values or None)

    def encoded(self) -> bytes:
        """The detail as it is kept."""
        kept: dict[str, Any] = {}
        for name, value in self.detail.items():
            if isinstance(value, list | tuple) and len(value) > LISTED:
                kept[name], kept[f"{name}_left_out"] = value[:LISTED], len(value) - LISTED
            else:
                kept[name] = value
        return msgspec.json.encode(kept)


def begin_action(
    data: Path, caller: Caller, action: str, note: Note, address: str, outcome: str = BEGUN
) -> int:
    """Note that somebody is about to do something, or what came of it at once; the entry's number.

    Raises:
        UsageError: it cannot be noted, so it must not be done.
    """
    now_us, object_ = time.time_ns() // 1_000, note.object[:OBJECT_CHARACTERS]
    row = AuditRow(0, now_us, caller.kind, caller.name, action, object_, outcome, address, note.encoded())
    with opened_store(data) as store, store.transaction() as transaction:
        return transaction.audit.begin(row)


def end_action(data: Path, number: int, outcome: str, note: Note) -> None:
    """Note what came of it.

    Raises:
        UsageError: it cannot be noted.
    """
    with opened_store(data) as store, store.transaction() as transaction:
        transaction.audit.end(number, outcome, note.object[:OBJECT_CHARACTERS], note.encoded())


@contextlib.contextmanager
def audited(data: Path, action: str, object_: str = "", **detail: Any) -> Iterator[Note]:
    """Note what the command line does. A folder that has no store yet is noted of when it has one."""
    note = Note(object_)
    note.add(**detail)
    number = begin_action(data, operator(), action, note, "") if (data / FILE_NAME).exists() else None
    outcome = FAILED
    try:
        yield note
        outcome = DONE
    except UsageError:
        outcome = REFUSED
        raise
    finally:
        if number is not None:
            with contextlib.suppress(DataUnusable):  # it stays begun
                end_action(data, number, outcome, note)
        elif outcome == DONE and (data / FILE_NAME).exists():
            begin_action(data, operator(), action, note, "", outcome)


def noted_in_force(store: Store, config: Path | None, seal: Seal) -> tuple[Configuration, list[str]]:
    """The configuration to run with; that a file changed it is noted.

    Raises:
        UsageError: something is wrong with it.
    """
    changes: list[Change] = []
    found = in_force(store, config, seal, changes.extend)
    if changes:
        note = Note(str(config))
        note.add_changes(changes)
        begin_action(store.folder, operator(), "configuration.apply", note, "", DONE)
    return found


def without_people(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody asked for, to be noted: that it was about one person is told, and not about whom."""
    told = {name.rstrip("_"): value for name, value in asked.items() if name != "user" and value}
    return {**told, "one_person": True} if asked.get("user") else told


def refuse_guarded(changes: Sequence[Change], caller: Caller) -> None:
    """Let only an admin change what is secret, where secrets go, and the server as a whole.

    Raises:
        NotAllowed: somebody else does.
    """
    guarded = [change.place for change in changes if change.guarded]
    if guarded and not caller.may(ADMIN):
        more = f" and {len(guarded) - 1} more" if len(guarded) > 1 else ""
        raise NotAllowed(
            f"Only an admin may change {guarded[0]}{more}: secrets, references to the environment, "
            "addresses, new destinations, sources, and what is about the server as a whole."
        )


def operator() -> Caller:
    """Whoever runs this process: who has the data folder may do everything."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        name = ""
    return Caller("command_line", name, "admin")


def audit(
    data: Path,
    *,
    actor: str | None = None,
    action: str | None = None,
    outcome: str | None = None,
    since_us: int | None = None,
    until_us: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> dict[str, Any]:
    """What was done, the newest first: `{"entries": [...], "next": what `before` takes for the next page}`.

    Raises:
        UsageError: the folder holds no data.
    """
    wanted = AuditFilter(actor, action, outcome, since_us, until_us)
    with opened_store(data) as store, store.reading() as reading:
        rows = reading.audit.page(wanted, before, limit + 1)
    more = len(rows) > limit
    return {"entries": [_told(row) for row in rows[:limit]], "next": rows[limit - 1].id if more else None}


def _told(row: AuditRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": iso(row.at_us),
        "actor": row.actor,
        "actor_kind": row.kind,
        "action": row.action,
        "object": row.object,
        "outcome": row.outcome,
        "address": row.address,
        "detail": msgspec.json.decode(row.detail),
    }


def changes_of(data: Path, kind: str, name: str, limit: int = 100) -> list[dict[str, Any]]:
    """What was done to a source or a destination, the newest first: who, when, which settings; `values` has
    `[before, after]` of those that may be told.

    Raises:
        UsageError: the folder holds no data.
    """
    place = f"{kind}s.{name}"
    found: list[dict[str, Any]] = []
    with opened_store(data) as store, store.reading() as reading:
        for action in (kind, "configuration", *(("fields", "check") if kind == "destination" else ())):
            for row in reading.audit.page(AuditFilter(action=action), None, LOOKED_AT):
                entry = _told(row)
                changed = [one for one in entry["detail"].get("changed", ()) if _is_at(one, place)]
                mine = row.object == name or row.object.startswith(f"{name} ")
                if entry["detail"].get("dry_run"):
                    continue
                if (action != "configuration" and mine) or changed:
                    kept = ("id", "at", "actor", "actor_kind", "action", "outcome")
                    values = entry["detail"].get("values", {})
                    told = {one: values[one] for one in changed if one in values}
                    found.append({**{key: entry[key] for key in kept}, "changed": changed, "values": told})
    found.sort(key=lambda one: -one["id"])
    return found[:limit]


def _is_at(changed: str, place: str) -> bool:
    return changed == place or changed.startswith((f"{place}.", f"{place}["))
