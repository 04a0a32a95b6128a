"""Sending history again: what is asked for, what it would come to, how far it is, how it is held or ended."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gainstage.app.configuring import read_only
from gainstage.app.filtering import read_moment
from gainstage.app.moments import iso
from gainstage.app.searching import who
from gainstage.computed import COMPUTED_SOURCE
from gainstage.delivery.rehearsing import Rehearsal, Rehearsed
from gainstage.errors import UnknownReplay, UsageError
from gainstage.event import KINDS
from gainstage.log.local import LocalLog
from gainstage.reason import WORDS
from gainstage.store.replay import CANCELLED, DONE, OUTCOMES, PAUSED, RUNNING, STATES, Asked, Replay, Tally
from gainstage.store.rows import Document
from gainstage.store.store import Store

#: Replays that may be under way at once.
AT_MOST = 20
SHOWN = 100
#: Why deliveries are not sent again, as they are counted.
SKIPPED = ("delivered", "pending", "settings", "given_up", "refused", "unknown", "forgotten")


class Replays:
    """The replays of a data folder."""

    def __init__(self, store: Store, log: LocalLog, data: Path) -> None:
        self._store, self._log, self._data = store, log, data

    def begin(self, **filters: Any) -> dict[str, Any]:
        """Begin a replay: the running server carries it out, or the next one.

        Raises:
            UsageError: it cannot be asked for so, or too many are under way.
        """
        asked = self.asked(**filters)
        with self._store.transaction() as transaction:
            unfinished = [one for one in transaction.replays.all(2 * SHOWN) if one.state in (RUNNING, PAUSED)]
            if len(unfinished) >= AT_MOST:
                raise UsageError(f"{AT_MOST} replays are under way: wait for one to end, or cancel one.")
            ends = {number: transaction.intake.offset(number) for number in range(self._log.partitions)}
            number = transaction.replays.begin(asked, ends, _now_us())
        return self.show(number)

    def rehearse(self, **filters: Any) -> dict[str, Any]:
        """What a replay would come to, with nothing sent and nothing kept.

        Raises:
            UsageError: it cannot be asked for so, or the configuration cannot be used.
        """
        asked = self.asked(**filters)
        with self._store.reading() as reading:
            ends = {number: reading.offset(number) for number in range(self._log.partitions)}
        configuration, _ = read_only(self._data, None)
        rehearsal = Rehearsal(self._store, self._log, configuration, _now_us)
        return rehearsed_report(asked, asyncio.run(rehearsal.run(asked, ends)))

    def newest(self) -> list[dict[str, Any]]:
        """The newest replays, the newest first."""
        with self._store.reading() as reading:
            return [replay_report(one) for one in reading.replays.all(SHOWN)]

    def show(self, number: int) -> dict[str, Any]:
        """A replay as it stands.

        Raises:
            UnknownReplay: there is none of this number.
        """
        with self._store.reading() as reading:
            replay = reading.replays.get(number) if number < 2**63 else None
        if replay is None:
            raise UnknownReplay(f"There is no replay {number}: `gainstage replay list` shows all.")
        return replay_report(replay)

    def pause(self, number: int) -> dict[str, Any]:
        """Hold a replay: what has not been sent waits until it goes on."""
        return self._change(number, PAUSED)

    def resume(self, number: int) -> dict[str, Any]:
        """Let a replay go on."""
        return self._change(number, RUNNING)

    def cancel(self, number: int) -> dict[str, Any]:
        """End a replay: what has not been sent becomes what it was before."""
        return self._change(number, CANCELLED)

    def _change(self, number: int, state: int) -> dict[str, Any]:
        """Give a replay another state; nothing where it has it already."""
        before = self.show(number)["state"]
        if before not in (STATES[RUNNING], STATES[PAUSED], STATES[state]):
            raise UsageError(f"Replay {number} is {before}: begin another one.")
        with self._store.transaction() as transaction:
            transaction.replays.change(number, state, _now_us())
        return self.show(number)

    def asked(
        self,
        from_: str,
        to: str | None = None,
        sources: Sequence[str] = (),
        types: Sequence[str] = (),
        events: Sequence[str] = (),
        user: str | None = None,
        destinations: Sequence[str] = (),
        outcomes: Sequence[str] = (),
        resend_events: bool = False,
    ) -> Asked:
        """What somebody asks for.

        Raises:
            UsageError: something of it does not exist, or no time lies between its ends.
        """
        now = datetime.now(UTC)
        from_us, to_us = read_moment(from_, now), read_moment(to, now) if to else _now_us()
        if from_us >= to_us:
            raise UsageError("The time asked for ends before it begins: give --from the earlier moment.")
        _refuse_others("type", types, KINDS)
        _refuse_others("outcome", outcomes, OUTCOMES)
        with self._store.reading() as reading:
            documents = reading.documents()
            meant = who(reading, user) if user else None
        _refuse_unknown(documents, sources, destinations)
        return Asked(
            from_us,
            to_us,
            tuple(sources),
            tuple(types),
            tuple(events),
            user or "",
            tuple(sorted(meant.ids)) if meant else (),
            tuple(sorted(meant.emails)) if meant else (),
            tuple(destinations),
            tuple(outcomes),
            resend_events,
        )


def _now_us() -> int:
    return time.time_ns() // 1_000


def _refuse_others(what: str, given: Iterable[str], known: Sequence[str]) -> None:
    for word in given:
        if word not in known:
            raise UsageError(f"There is no {what} {word}: it is one of {', '.join(known)}.")


def _refuse_unknown(
    documents: Sequence[Document], sources: Iterable[str], destinations: Iterable[str]
) -> None:
    for kind, given in (("source", sources), ("destination", destinations)):
        known = {document.name: document.body for document in documents if document.kind == kind}
        if kind == "source":
            known[COMPUTED_SOURCE] = {}
        for name in given:
            if name not in known:
                names = ", ".join(sorted(known)) or "none"
                raise UsageError(f"There is no {kind} {name}; configured are: {names}.")
            if kind == "destination" and known[name].get("enabled") is False:
                raise UsageError(f"{name} is disabled and receives nothing: enable it first.")


def replay_report(replay: Replay) -> dict[str, Any]:
    """A replay as it is told."""
    offsets, ends = (sum(part[place] for part in replay.parts) for place in (1, 2))
    return {
        "id": replay.id,
        "state": STATES[replay.state],
        "created_at": iso(replay.created_us),
        "ended_at": iso(replay.ended_us) if replay.ended_us else None,
        **_asked_report(replay.asked),
        "read_percent": 100 if replay.state == DONE or not ends else 100 * offsets // ends,
        **_counts(replay.tally),
        "pending": replay.open,
        "held": replay.held,
        **_history(replay.asked, replay.begins_us),
    }


def rehearsed_report(asked: Asked, found: Rehearsed) -> dict[str, Any]:
    """What a replay would come to, as it is told."""
    calls: dict[str, int] = {}
    for (name, _), n in found.calls.items():
        calls[name] = calls.get(name, 0) + n
    return {
        **_asked_report(asked),
        **_counts(found.tally),
        "calls": calls,
        "finishes_at": {
            name: iso(at_us) if at_us is not None else None for name, at_us in found.finishes_us.items()
        },
        **_history(asked, found.begins_us),
    }


def _asked_report(asked: Asked) -> dict[str, Any]:
    return {
        "from": iso(asked.from_us),
        "to": iso(asked.to_us),
        "sources": list(asked.sources),
        "types": list(asked.kinds),
        "events": list(asked.names),
        "user": asked.user or None,
        "destinations": list(asked.destinations),
        "outcomes": list(asked.outcomes),
        "resend_events": asked.resend_events,
    }


def _counts(tally: Mapping[str, int] | Tally) -> dict[str, Any]:
    return {
        "found": tally.get("events", 0),
        "planned": tally.get("planned", 0),
        "unchanged": tally.get("unchanged", 0),
        "ended": {word: tally.get(word, 0) for word in WORDS[:4]},
        "skipped": {name: tally.get(f"skipped_{name}", 0) for name in SKIPPED},
    }


def _history(asked: Asked, begins_us: int) -> dict[str, Any]:
    """From when on the log has what was asked for; None where it has all."""
    missing = begins_us > asked.from_us
    return {"history_begins_at": iso(min(begins_us, asked.to_us)) if missing else None}
