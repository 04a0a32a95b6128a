"""The archive of events, as delivery knows it: what of the log it has, and how a person's events leave it."""

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Protocol

from gainstage.store import StorageUnavailable
from gainstage.store.forgetting_rows import Someone


class Left(NamedTuple):
    """What became of a person's archived events."""

    events: int
    #: E-mails that stood in events of the person's own.
    emails: Collection[str]
    #: It has to be asked again: why, as a sentence. Empty where nothing is left.
    waiting: str = ""


class Archived(Protocol):
    """Both are called in a thread, and raise StorageUnavailable where the archive cannot be used."""

    def offsets(self) -> Mapping[int, int] | None:
        """By partition, up to which offset the log is archived; None where there is no archive."""
        ...

    def erase(self, keys: Collection[str], emails: Collection[str], ended: Callable[[], bool]) -> Left:
        """Take the events of a person out, early ended where `ended` says so; may be done again."""
        ...


class Eraser:
    """Takes people out of the archive one after the other, beside the turns."""

    def __init__(self, archived: Archived | None) -> None:
        self._archived = archived
        self._task: tuple[int, asyncio.Task[Left | StorageUnavailable]] | None = None
        self._ending = threading.Event()

    def erased(self, request: int, person: Someone) -> Left | StorageUnavailable | None:
        """What became of a request's person; None while that is not known. Begins with it where it can."""
        if self._archived is None:
            return Left(0, ())
        if self._task is None:
            self._task = (request, asyncio.create_task(self._erase(self._archived, person)))
        number, task = self._task
        if number != request or not task.done():
            return None
        self._task = None
        return task.result()

    async def _erase(self, archived: Archived, person: Someone) -> Left | StorageUnavailable:
        keys, emails = tuple(person.keys), tuple(person.emails)
        try:
            return await asyncio.to_thread(archived.erase, keys, emails, self._ending.is_set)
        except StorageUnavailable as error:
            return error

    async def close(self) -> None:
        """End what is under way; whoever comes next does it again."""
        self._ending.set()
        if self._task is not None:
            await asyncio.gather(self._task[1], return_exceptions=True)
            self._task = None
