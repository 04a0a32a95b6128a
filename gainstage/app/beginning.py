"""How a process beside a server begins: the first one as a fork of the server, later ones anew.

What is loaded is most of what a start costs, and nearly the same for all of them. So the server forks them
before it opens a file or starts a thread (later nothing can be forked safely), and each waits for its word.
When one has ended there is no way back to that moment: the next one loads everything itself.
"""

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import IO, NamedTuple, NoReturn

from setproctitle import setproctitle


class Program(NamedTuple):
    """What runs in a process beside a server."""

    #: Of a module that can be run by itself too. Its exit code; it ends when its standard input does.
    main: Callable[[Sequence[str]], int]
    #: What `ps` shows.
    title: str
    #: Whether the server reads what it tells on its standard output; otherwise that is the server's own.
    tells: bool = False


class Child:
    """A process that this one started. It lives until its standard input is closed, or it is killed."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes] | None, wait: Callable[[], int]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._wait = wait
        self._ended: asyncio.Future[int] | None = None

    def close(self) -> None:
        """Close this process's ends of its pipes."""
        for pipe in (self.stdin, self.stdout):
            if pipe is not None:
                pipe.close()

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._ended is None or not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Its exit code once it has ended, negative for the signal that ended it. May be waited for again."""
        if self._ended is None:
            loop = asyncio.get_running_loop()
            self._ended = loop.create_future()
            threading.Thread(
                target=self._follow, args=(loop, self._ended), name=f"child {self.pid}", daemon=True
            ).start()
        return await asyncio.shield(self._ended)

    def _follow(self, loop: asyncio.AbstractEventLoop, ended: "asyncio.Future[int]") -> None:
        code = self._wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(ended.set_result, code)

    def discard(self) -> None:
        """End a fork that waits for its word."""
        self.close()
        self._wait()


class Beginner:
    """Begins one program, as often as needed."""

    def __init__(self, program: Program, arguments: Sequence[str], fork: Child | None) -> None:
        self._program, self._arguments, self._fork = program, arguments, fork

    def begin(self) -> Child:
        """A process that runs it.

        Raises:
            OSError: the system starts no process now.
        """
        fork, self._fork = self._fork, None
        if fork is None:
            return _start(self._program, self._arguments)
        with contextlib.suppress(BrokenPipeError):  # it was killed, as whoever waits for it will see
            fork.stdin.write(b"\n")
        return fork

    def close(self) -> None:
        """End the fork, if it was not needed."""
        fork, self._fork = self._fork, None
        if fork is not None:
            fork.discard()


@contextlib.contextmanager
def prepared(arguments: Sequence[str], *programs: Program) -> Iterator[list[Beginner]]:
    """A beginner of each program. To be entered before this process opens anything."""
    forks: list[Child | None] = [None] * len(programs)
    if threading.active_count() == 1:  # what another thread has locked would be locked in a fork for ever
        gc.freeze()  # looking for garbage writes to memory that could stay shared
        for place, program in enumerate(programs):
            with contextlib.suppress(OSError):  # there may be room for a process when it is begun
                forks[place] = _fork(program, arguments, [fork for fork in forks if fork is not None])
    beginners = [Beginner(program, arguments, fork) for program, fork in zip(programs, forks, strict=True)]
    try:
        yield beginners
    finally:
        for beginner in beginners:
            beginner.close()


def _fork(program: Program, arguments: Sequence[str], others: Sequence[Child]) -> Child:
    reading, held = os.pipe()
    told, telling = os.pipe() if program.tells else (None, None)
    pid = os.fork()
    if not pid:
        os.close(held)
        for other in others:
            other.close()  # or it would not see the server end before we do
        _live(program, arguments, reading, telling)
    os.close(reading)
    if telling is not None:
        os.close(telling)
    return Child(
        pid,
        os.fdopen(held, "wb", buffering=0),
        os.fdopen(told, "rb", buffering=0) if told is not None else None,
        lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]),
    )


def _live(program: Program, arguments: Sequence[str], stdin: int, stdout: int | None) -> NoReturn:
    """The whole life of a fork. The server's own clean-up is not for it."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the server's to answer
        for ours, standard in ((stdin, 0), (stdout, 1)):
            if ours is not None:
                os.dup2(ours, standard)
                os.close(ours)
        if os.read(0, 1):
            setproctitle(program.title)
            code = program.main(arguments)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _start(program: Program, arguments: Sequence[str]) -> Child:
    process = subprocess.Popen(
        [sys.executable, "-m", program.main.__module__, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE if program.tells else None, bufsize=0,
    )  # fmt: skip
    assert process.stdin is not None
    return Child(process.pid, process.stdin, process.stdout, process.wait)
