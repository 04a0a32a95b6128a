"""The processes beside a server: started with it, started again when they end, ended with it."""

import asyncio
import contextlib
import logging

import structlog

from gainstage.app import computing, worker
from gainstage.app.beginning import Beginner, Child, Program
from gainstage.app.reporting import LINE_BYTES, DeliveryWatch, follow

#: How long delivery may take to finish its calls: their time limit and a little.
STOP_SECONDS = 20.0
RESTART_SECONDS = 1.0
#: The server answers and delivers first.
COMPUTING_START_SECONDS = 3.0
#: What only makes up for lost time later is not started again at once.
COMPUTING_RESTART_SECONDS = 30.0

DELIVERY = Program(worker.main, "gainstage: delivery", tells=True)
COMPUTING = Program(computing.main, "gainstage: computing")

logger = structlog.get_logger(__name__)


async def supervise(delivery: Beginner, watch: DeliveryWatch) -> None:
    """Keep the delivery process running until cancelled; then let it finish its calls."""
    while True:
        child = delivery.begin()
        watch.began()
        following = asyncio.create_task(_listen(child, watch))
        try:
            code = await _ended(child)
        finally:
            following.cancel()
        watch.ended()
        await asyncio.sleep(RESTART_SECONDS)
        _tell("delivery_ended", code)


async def supervise_computing(computing: Beginner) -> None:
    """Keep the computing process running until cancelled. Nothing waits for it."""
    await asyncio.sleep(COMPUTING_START_SECONDS)
    while True:
        code = await _ended(computing.begin())
        await asyncio.sleep(COMPUTING_RESTART_SECONDS)
        _tell("computing_ended", code)


async def _listen(child: Child, watch: DeliveryWatch) -> None:
    reader = asyncio.StreamReader(LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), child.stdout
    )
    try:
        await follow(reader, watch)
    finally:
        transport.close()


async def _ended(child: Child) -> int:
    """Its exit code. Once cancelled, let it finish, for a while."""
    try:
        return await child.wait()
    except asyncio.CancelledError:
        child.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), STOP_SECONDS)
            raise
        child.kill()
        await child.wait()
        raise
    finally:
        child.stdin.close()


def _tell(event: str, code: int) -> None:
    """That a process ended though the server goes on. One that was asked to (by SIGTERM, as whoever stops the
    server may ask all its processes) is no fault.
    """
    level = logging.ERROR if code else logging.INFO
    logger.log(level, event, exit_code=code, remedy="It is started again.")
