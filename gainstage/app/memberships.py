"""What computations have kept in a data folder, where there is any; and whose a key is."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from gainstage.app.moments import iso
from gainstage.audiences.definition import Computation, Subject
from gainstage.audiences.keys import Kind, Owner, refused
from gainstage.computing.state import FILE_NAME, FOLDER_NAME, State
from gainstage.errors import DataUnusable
from gainstage.sqlite import StorageUnavailable


def existing_state(data: Path) -> State | None:
    """The memberships of a data folder; None where nothing was computed yet.

    Raises:
        UsageError: they cannot be read.
    """
    folder = data / FOLDER_NAME
    if not (folder / FILE_NAME).exists():
        return None
    try:
        return State(folder)
    except StorageUnavailable as error:
        raise DataUnusable(str(error)) from None


def computations(data: Path) -> list[dict[str, Any]]:
    """Every computation that is there, with its size and how much is still to be said, for the status;
    nothing where they cannot be read, of which `audiences list` tells.
    """
    try:
        state = existing_state(data)
    except DataUnusable:
        state = None
    if state is None:
        return []
    try:
        sizes, waiting = state.sizes(), state.waiting()
        return [
            {
                "key": one.key,
                "kind": one.kind,
                "size": sizes.get(one.key, 0),
                "waiting": waiting.get(one.key, 0),
                "evaluated_at": iso(one.evaluated_us) if one.evaluated_us else None,
            }
            for one in state.computations().values()
            if not one.removed
        ]
    finally:
        state.close()


class Keys:
    """Who owns which key, in a data folder."""

    def __init__(self, data: Path) -> None:
        state = existing_state(data)
        self._kept = state.computations() if state else {}
        if state:
            state.close()

    def owner(self, key: str) -> Owner | None:
        """Who has the key or had it."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        return Owner(cast(Kind, kept.kind), kept.name, cast(Subject, kept.subject), kept.removed)


def refused_keys(data: Path, computations: Iterable[Computation]) -> list[str]:
    """What is wrong with the keys of definitions, in a data folder where others had theirs before."""
    listed = tuple(computations)
    return [f"{one.name}: {why}" for one, why in refused(listed, Keys(data))] if listed else []
