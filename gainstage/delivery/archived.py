"""The archive of events, as delivery knows it: what of the log it has, and how a person's events leave it."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from typing import Any, NamedTuple, Protocol

from gainstage.store import StorageUnavailable
from gainstage.store.forgetting_rows import Names, Someone

#: What is done in a thread, early ended where the argument says so.
Work = Callable[[Callable[[], bool]], Any]


class Looked(NamedTuple):
    """What the archive has of a person: how many events, and further names that these tell."""

    events: int
    further: Names


class Archived(Protocol):
    """All are called in a thread, and raise StorageUnavailable where the archive cannot be used."""

    def offsets(self) -> Mapping[int, int] | None:
        """By partition, up to which offset the log is archived; None where there is no archive."""
        ...

    def look(self, person: Someone, until_us: int, ended: Callable[[], bool]) -> Looked | None:
        """What there is of a person; None where `ended` said so first. What was received later leads to no
        further names.
        """
        ...

    def erase(self, person: Someone, ended: Callable[[], bool]) -> str:
        """Take the events of a person out, early ended where `ended` says so; may be done again. Why it has
        to be asked again, as a sentence; empty where nothing is left.
        """
        ...


class Eraser:
    """Looks for people in the archive and takes them out, one after the other, beside the turns."""

    def __init__(self, archived: Archived | None) -> None:
        self._archived = archived
        self._task: tuple[tuple[int, str], asyncio.Task[Any]] | None = None
        self._ending = threading.Event()

    def looked(self, request: int, person: Someone, until_us: int) -> Looked | StorageUnavailable | None:
        """What there is of a request's person; None while that is not known. Begins with it where it can."""
        if self._archived is None:
            return Looked(0, Names())
        work = partial(self._archived.look, copy(person), until_us)
        answer: Looked | StorageUnavailable | None = self._answer(request, "look", work)
        return answer

    def erased(self, request: int, person: Someone) -> str | StorageUnavailable | None:
        """Why erasing a request's person has to be asked again, empty when it is done; None while that is
        not known. Begins with it where it can.
        """
        if self._archived is None:
            return ""
        work = partial(self._archived.erase, copy(person))
        answer: str | StorageUnavailable | None = self._answer(request, "erase", work)
        return answer

    def _answer(self, request: int, what: str, work: Work) -> Any:
        asked = (request, what)
        if self._task is None:
            self._task = (asked, asyncio.create_task(self._run(work)))
        answered, task = self._task
        if answered != asked or not task.done():
            return None
        self._task = None
        return task.result()

    async def _run(self, work: Work) -> Any:
        try:
            return await asyncio.to_thread(work, self._ending.is_set)
        except StorageUnavailable as error:
            return error

    async def close(self) -> None:
        """End what is under way; whoever comes next does it again."""
        self._ending.set()
        if self._task is not None:
            await asyncio.gather(self._task[1], return_exceptions=True)
            self._task = None
