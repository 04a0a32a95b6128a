"""Work beside the event loop, which answers SDKs meanwhile: what waits for the disk or for a vendor.

Threads of our own, since those of a pool are waited for when the process ends: a vendor that does not answer
must not keep a server from stopping.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: How much is done at once; more waits. Calls to vendors have places of their own, so that reading goes on.
READERS = 8
ASKERS = 4


class Aside:
    """Runs functions in threads, so many at once."""

    def __init__(self, at_once: int) -> None:
        self._places = asyncio.Semaphore(at_once)

    async def run(self, function: Callable[[], T]) -> T:
        """What the function returns or raises. Who is cancelled leaves it to end by itself."""
        async with self._places:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[T] = loop.create_future()
            arguments = (function, loop, answer)
            threading.Thread(target=_run, args=arguments, name="management", daemon=True).start()
            return await answer


def _run(function: Callable[[], T], loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[T]") -> None:
    def tell(settle: Callable[..., None], value: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: None if answer.done() else settle(value))

    try:
        result = function()
    except BaseException as error:
        tell(answer.set_exception, error)
    else:
        tell(answer.set_result, result)
