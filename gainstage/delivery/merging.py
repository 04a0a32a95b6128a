"""Coalescing: what one call must say for all the pending upserts of a record. Pure.

Per field the newest value wins, by the events' stamps, across everything pending and everything that the
vendor confirmed before. What is older than a confirmed value is superseded; what equals it is not sent. Where
a newer value may have been written under other settings, that one is said again instead of an older one; once
a call with it was refused, neither is said until it is known whose fault that was.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gainstage.store.rows import Abandoned, OperationRow, State


class Merged(msgspec.Struct, frozen=True):
    """The outcome of merging upserts of one record.

    `fields` must be sent (empty: nothing needs to be), `known` is every value known once they are,
    `winners` names for each field of `operations` the index of the operation whose value counts.
    """

    operations: Sequence[OperationRow]
    fields: dict[str, Any]
    known: dict[str, Any]
    winners: dict[str, int]
    state: State
    #: Fields whose older values bring up what may have been written before: that is what is sent.
    recalled: frozenset[str] = frozenset()
    #: Fields that are left out: neither their older values nor what may have been written before is said now.
    silent: frozenset[str] = frozenset()
    #: Fields that are sent and of which something may have been written before.
    doubtful: frozenset[str] = frozenset()

    def code(self, index: int) -> str:
        """How the operation with this index counts once the call succeeded (or was not needed)."""
        content = self.operations[index].content
        if any(name in self.fields and same(self.fields[name], value) for name, value in content.items()):
            return ""
        current = (name in self.state and same(self.state[name][1], content[name]) for name in content)
        return "unchanged" if all(current) else "superseded"

    def confirmed(self, now_us: int) -> State:
        """The record's state after the vendor confirmed the call."""
        return {
            name: [stamp, value, now_us if name in self.fields else at]
            for name, (stamp, value, at) in self.state.items()
        }


def merge(
    operations: Sequence[OperationRow],
    state: State,
    *,
    now_us: int,
    resend_us: int,
    in_doubt: bool = False,
    abandoned: Abandoned | None = None,
) -> Merged:
    """Merge upserts of one record over what is known of it.

    A confirmed value counts as there for `resend_us`; none does while a call's answer is lost (`in_doubt`),
    and none of a field with an `abandoned` value.
    """
    winners: dict[str, int] = {}
    for index, operation in enumerate(operations):
        for name in operation.content:
            best = winners.get(name)
            if best is None or operations[best].stamp <= operation.stamp:
                winners[name] = index
    fields: dict[str, Any] = {}
    merged: State = dict(state)
    abandoned = abandoned or {}
    recalled, silent = set(), set()
    for name, index in winners.items():
        operation = operations[index]
        stamp, value = operation.stamp.decode("utf-8", "replace"), operation.content[name]
        there = state.get(name)
        if there is not None and stamp < there[0]:
            continue
        if name in abandoned and stamp < abandoned[name][0]:
            stamp, value, *silenced = abandoned[name]
            if silenced:
                silent.add(name)
                continue
            recalled.add(name)
        doubtful = in_doubt or name in abandoned
        if there is not None and not doubtful and same(there[1], value) and there[2] + resend_us > now_us:
            merged[name] = [stamp, value, there[2]]
        else:
            fields[name] = value
            merged[name] = [stamp, value, 0]
    known = {name: entry[1] for name, entry in merged.items()}
    doubtful_fields = frozenset(abandoned.keys() & fields.keys())
    return Merged(
        operations, fields, known, winners, merged, frozenset(recalled), frozenset(silent), doubtful_fields
    )


def newest_values(operations: Iterable[OperationRow]) -> Abandoned:
    """Per field the newest stamp and value of operations."""
    found: Abandoned = {}
    for operation in operations:
        stamp = operation.stamp.decode("utf-8", "replace")
        for name, value in operation.content.items():
            if name not in found or found[name][0] < stamp:
                found[name] = [stamp, value]
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same to a vendor: true is not 1."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)
