"""What the processes beside a server have in common: how they are told what to do, and when to stop."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from gainstage.app.logging import Style, log_lines
from gainstage.errors import UsageError
from gainstage.log.contract import LogUnavailable
from gainstage.sqlite import StorageUnavailable


def live(arguments: Sequence[str], work: Callable[[Path, asyncio.Event], Coroutine[Any, Any, None]]) -> int:
    """Work on a data folder until standard input ends, as it does when the server was stopped or killed.

    The arguments: the data folder, and the level and form of the log. Exit code 1 when the folder cannot be
    used; the server starts us again.
    """
    data, *style = arguments
    log_lines(Style(*style))  # type: ignore[arg-type]
    try:
        asyncio.run(_until_stopped(Path(data), work))
    except (UsageError, StorageUnavailable, LogUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _until_stopped(
    data: Path, work: Callable[[Path, asyncio.Event], Coroutine[Any, Any, None]]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal's Ctrl-C is the server's to answer
    try:
        await work(data, stop)
    finally:
        loop.remove_reader(sys.stdin.fileno())
