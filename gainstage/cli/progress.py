"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere. Always on stderr."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

LINE_SECONDS = 5.0


class Progress(Protocol):
    """How far a run has come."""

    @property
    def received(self) -> int: ...

    @property
    def settled(self) -> int: ...

    @property
    def pending(self) -> int: ...

    @property
    def calls(self) -> int: ...


class Shown:
    """Shows what `update` is told."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Bar | None = None
        self._last: str = ""
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[told]}"),
                TimeElapsedColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._bar.add_task(self._title, total=None, told="")
        return self

    def update(self, progress: Progress) -> None:
        told = (
            f"{progress.received} received, {progress.settled} settled, {progress.pending} pending, "
            f"{progress.calls} calls"
        )
        if self._bar:
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=progress.settled, total=progress.received or None, told=told)
        elif told != self._last and time.monotonic() - self._told >= LINE_SECONDS:
            self._told = time.monotonic()
            print(f"{self._title}: {told}", file=sys.stderr, flush=True)
        self._last = told

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
        elif self._last and kind is None:
            print(f"{self._title}: {self._last}", file=sys.stderr, flush=True)
