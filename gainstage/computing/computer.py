"""One computation after the other: rows in, memberships, calls out.

A turn takes in what was archived, evaluates whoever may have something else now, and says what changed. Each
step can be repeated: what was kept is found unchanged, what was said is known by its message id.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from gainstage.audiences.catalog import layers, linked, references
from gainstage.audiences.definition import Computation, Subject
from gainstage.audiences.keys import kind_of
from gainstage.clock import DAY_US, SECOND_US, Clock
from gainstage.computing import asking
from gainstage.computing.calls import digest_of, entry_of, says
from gainstage.computing.state import Call, Change, Kept, State
from gainstage.computing.taking import prune, renew, take
from gainstage.computing.workbench import Workbench
from gainstage.history.archive import Archive, Snapshot
from gainstage.log.contract import Log
from gainstage.pseudonym import Pseudonyms

#: How many calls are said at once, and how many of them may wait in delivery before more are said: what is
#: not said yet can still change.
SAID_AT_ONCE = 2_000
MOST_WAITING = 20_000
#: How often time alone is looked at.
EVERY_SECONDS = 900.0

logger = logging.getLogger(__name__)


class Done(NamedTuple):
    """What a turn came to."""

    #: Rows that were taken in.
    rows: int = 0
    #: Values that are others now.
    changes: int = 0
    #: Calls that were said.
    said: int = 0


class Computer:
    """Computes for one data folder; one process at a time."""

    def __init__(
        self, state: State, bench: Workbench, archive: Archive, log: Log, pseudonyms: Pseudonyms, clock: Clock
    ) -> None:
        self._state, self._bench, self._archive = state, bench, archive
        self._log, self._pseudonyms, self._clock = log, pseudonyms, clock
        #: The definitions for which everything was looked at.
        self._settled: tuple[Computation, ...] | None = None
        #: Those that the memberships know.
        self._noted: Sequence[Computation] | None = None

    async def turn(
        self,
        definitions: Sequence[Computation],
        *,
        waiting: int = 0,
        every_seconds: float = EVERY_SECONDS,
        at_once: bool = False,
    ) -> Done:
        """Do all that there is to do now. `waiting`: how many calls wait in delivery; `at_once`: look at time
        whether or not it is due.

        Raises:
            LogUnavailable: what was computed is kept, and said later.
        """
        linked_ones = linked(definitions)
        now_us = max(self._clock.now_us(), self._state.number("computed_us"))
        due = at_once or now_us - self._state.number("crossed_us") >= every_seconds * SECOND_US
        rows = changes = 0
        with ExitStack() as work:
            with self._archive.snapshot() as snapshot:
                renew(self._bench, snapshot)
                news = due or linked_ones != self._settled or self._is_behind(snapshot)
                if news:
                    self._settled = None
                    work.enter_context(self._bench.transaction())
                    rows = take(self._bench, snapshot, [one for one in linked_ones if one.enabled])
            if news:
                changes = self._compute(linked_ones, now_us, due=due)
        if news:
            self._settled = linked_ones
        return Done(rows, changes, await self._say(linked_ones, waiting))

    def _is_behind(self, snapshot: Snapshot) -> bool:
        """Whether there is anything in the archive, or in the memberships, that was not looked at."""
        return (
            self._bench.number("position") != snapshot.position
            or self._bench.number("epoch") != self._state.number("epoch")
            or self._bench.number("changes") != self._state.number("changes")
            or self._bench.number("floor_us") < snapshot.floor_day * DAY_US
        )

    def _compute(self, definitions: Sequence[Computation], now_us: int, *, due: bool) -> int:
        """Within a transaction of the workbench. If the process ends before its end, what is kept of the
        changes by then is found, and what follows from them looked at, by the next one.
        """
        kept = self._state.computations()
        if self._bench.number("changes") != self._state.number("changes"):
            subjects = {one.key: one.subject for one in definitions}
            asking.mirror(self._bench, self._state.values(kept), self._state.number("changes"), subjects)
        self._own(definitions, kept, now_us)
        enabled = [one for one in definitions if one.enabled]
        kept = self._state.computations()
        void = self._bench.number("epoch") != self._state.number("epoch")
        new = {one.key for one in enabled if void or kept[one.key].digest != digest_of(one)}
        crossed_us = self._state.number("crossed_us")
        if due and crossed_us:
            asking.cross(self._bench, [one for one in enabled if one.key not in new], crossed_us, now_us)
        named = {key for one in enabled for key in references(one)}
        subjects = {one.key: one.subject for one in enabled if one.key in named}
        changes = sum(self._layer(layer, new, subjects, now_us) for layer in layers(enabled))
        revived = self._bench.rows("SELECT DISTINCT name FROM dirty WHERE whose = 'revived'")
        if due and crossed_us:
            prune(self._bench, enabled, crossed_us)
        self._bench.settle()
        with self._state.transaction():
            self._state.revive(name for (name,) in revived)
            self._state.put("computed_us", now_us)
            self._state.put("epoch", self._bench.number("epoch"))
            if due:
                self._state.put("crossed_us", now_us)
        return changes

    def _own(self, definitions: Sequence[Computation], kept: Mapping[str, Kept], now_us: int) -> None:
        """Note which computations there are, and whom they tell."""
        if self._noted == definitions:
            return
        with self._state.transaction():
            for one in definitions:
                known = kept.get(one.key)
                if known is None or known.removed or known.name != one.name:
                    self._state.own(one.key, kind_of(one), one.name, one.subject, now_us)
                self._state.tell(one.key, one.destinations)
                if not one.enabled and known is not None and known.digest:  # it begins anew one day
                    self._state.evaluated(one.key, "", now_us)
            for key in kept.keys() - {one.key for one in definitions}:
                if not kept[key].removed:
                    self._state.remove(key)
                    logger.info("computation_removed", extra={"computation": key})
        self._noted = definitions

    def _layer(
        self,
        layer: Sequence[Computation],
        new: Collection[str],
        named: Mapping[str, Subject],
        now_us: int,
    ) -> int:
        """Evaluate computations that name none of each other."""
        groups = (
            ([one for one in layer if one.key in new], True),
            ([one for one in layer if one.key not in new], False),
        )
        total = 0
        for group, everybody in groups:
            if not group:
                continue
            changes: list[tuple[Change, str | None]] = []
            if asking.look_at(self._bench, everybody=everybody):
                changes = asking.evaluate(self._bench, group, now_us, everybody=everybody)
            if changes or everybody:
                self._keep(group, changes, named, now_us, everybody=everybody)
            total += len(changes)
        return total

    def _keep(
        self,
        group: Sequence[Computation],
        changes: Sequence[tuple[Change, str | None]],
        named: Mapping[str, Subject],
        now_us: int,
        *,
        everybody: bool,
    ) -> None:
        with self._state.transaction():
            self._state.apply((change for change, _ in changes), now_us)
            for one in group:
                mine = [(change, before) for change, before in changes if change.key == one.key]
                entered = sum(before is None for _, before in mine)
                left = sum(change.value is None for change, _ in mine)
                self._state.evaluated(one.key, digest_of(one), now_us)
                if entered or left:
                    self._state.measure(one.key, now_us, entered, left, count=everybody)
        asking.keep(self._bench, changes, self._state.number("changes"), named)

    async def _say(self, definitions: Sequence[Computation], waiting: int) -> int:
        """Append the oldest calls to the log, as many as delivery has room for."""
        speaking = {one.key: one for one in definitions if one.enabled and not one.paused}
        room = min(SAID_AT_ONCE, MOST_WAITING - waiting)
        calls = self._state.next_calls(speaking, room) if room > 0 else []
        if not calls:
            return 0
        people = [one.subject for one in calls if speaking[one.key].subject == "user"]
        accounts = [one.subject for one in calls if speaking[one.key].subject == "account"]
        told = asking.told_of(self._bench, people, accounts)
        gone = asking.renamed_among(self._bench, people)
        telling = [
            one for one in calls if says(one) and one.subject not in gone and speaking[one.key].destinations
        ]
        with self._state.transaction():
            self._state.saying(telling)
        await self._append(telling, speaking, told)
        with self._state.transaction():
            self._state.said(calls)
        return len(telling)

    async def _append(
        self, calls: Sequence[Call], speaking: Mapping[str, Computation], told: Mapping[str, str]
    ) -> None:
        now_us = self._clock.now_us()
        entries = [
            entry_of(call, speaking[call.key], told, self._pseudonyms, now_us + place, place)
            for place, call in enumerate(calls)
        ]
        if entries:
            await self._log.append(entries)
