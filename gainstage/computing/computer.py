"""One computation after the other: rows in, memberships, calls out.

A turn takes in what was archived, evaluates whoever may have something else now, and says what changed. Each
step can be repeated: what was kept is found unchanged, what was said is known by its message id.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gainstage.audiences.catalog import layers, linked
from gainstage.audiences.definition import Computation
from gainstage.audiences.keys import kind_of
from gainstage.clock import SECOND_US, Clock
from gainstage.computing import asking
from gainstage.computing.calls import digest_of, entry_of, says
from gainstage.computing.state import Call, Change, State
from gainstage.computing.taking import prune, take
from gainstage.computing.workbench import Workbench
from gainstage.history.archive import Archive
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
        rows = self._take(linked_ones)
        changes = self._compute(linked_ones, every_seconds, at_once=at_once)
        return Done(rows, changes, await self._say(linked_ones, waiting))

    def _take(self, definitions: Sequence[Computation]) -> int:
        with self._archive.snapshot() as snapshot:
            rows = take(self._bench, snapshot, [one for one in definitions if one.enabled])
        if self._bench.number("changes") != self._state.number("changes"):
            keys = [kept.key for kept in self._state.computations().values()]
            asking.mirror(self._bench, self._state.values(keys), self._state.number("changes"))
        return rows

    def _compute(self, definitions: Sequence[Computation], every_seconds: float, *, at_once: bool) -> int:
        now_us = max(self._clock.now_us(), self._state.number("computed_us"))
        self._own(definitions, now_us)
        enabled = [one for one in definitions if one.enabled]
        kept = self._state.computations()
        void = self._bench.number("epoch") != self._state.number("epoch")
        new = {one.key for one in enabled if void or kept[one.key].digest != digest_of(one)}
        crossed_us = self._state.number("crossed_us")
        due = at_once or now_us - crossed_us >= every_seconds * SECOND_US
        if due and crossed_us:
            asking.cross(self._bench, [one for one in enabled if one.key not in new], crossed_us, now_us)
        changes = 0
        for layer in layers(enabled):
            changes += self._layer(layer, new, now_us)
        revived = self._bench.rows("SELECT DISTINCT name FROM dirty WHERE whose = 'revived'")
        if revived:
            with self._state.transaction():
                self._state.revive(name for (name,) in revived)
        with self._bench.transaction():
            if due and crossed_us:
                prune(self._bench, enabled, crossed_us)
            self._bench.settle()
        with self._state.transaction():
            self._state.put("computed_us", now_us)
            self._state.put("epoch", self._bench.number("epoch"))
            if due:
                self._state.put("crossed_us", now_us)
        return changes

    def _own(self, definitions: Sequence[Computation], now_us: int) -> None:
        """Note which computations there are, and whom they tell."""
        kept = self._state.computations()
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

    def _layer(self, layer: Sequence[Computation], new: Collection[str], now_us: int) -> int:
        """Evaluate computations that name none of each other."""
        groups = (
            ([one for one in layer if one.key in new], True),
            ([one for one in layer if one.key not in new], False),
        )
        total = 0
        for group, everybody in groups:
            if not group or not asking.look_at(self._bench, everybody=everybody):
                changes: list[tuple[Change, str | None]] = []
            else:
                changes = asking.evaluate(self._bench, group, now_us, everybody=everybody)
            if changes or everybody:
                self._keep(group, changes, now_us)
            total += len(changes)
        return total

    def _keep(
        self, group: Sequence[Computation], changes: Sequence[tuple[Change, str | None]], now_us: int
    ) -> None:
        with self._state.transaction():
            self._state.apply((change for change, _ in changes), now_us)
            for one in group:
                mine = [(change, before) for change, before in changes if change.key == one.key]
                entered = sum(before is None for _, before in mine)
                left = sum(change.value is None for change, _ in mine)
                self._state.evaluated(one.key, digest_of(one), now_us)
                if entered or left:
                    self._state.measure(one.key, now_us, entered, left)
        asking.keep(self._bench, [change for change, _ in changes], self._state.number("changes"), group)

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
