"""The processes beside a server: started with it, started again when they end, ended with it."""

import asyncio
import contextlib
import logging
import sys
import time
from pathlib import Path

import structlog

from gainstage.app.logging import Style
from gainstage.app.reporting import LINE_BYTES, DeliveryWatch, follow

#: How long delivery may take to finish its calls: their time limit and a little.
STOP_SECONDS = 20.0
RESTART_SECONDS = 1.0
#: The server answers and delivers first.
COMPUTING_START_SECONDS = 3.0
#: What only makes up for lost time later is not started again at once.
COMPUTING_RESTART_SECONDS = 30.0

logger = structlog.get_logger(__name__)


async def supervise(data: Path, watch: DeliveryWatch, style: Style) -> None:
    """Keep the delivery process running until cancelled; then let it finish its calls."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gainstage.app.worker", str(data), *style, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES,
        )  # fmt: skip
        assert process.stdout is not None
        watch.began()
        following = asyncio.create_task(follow(process.stdout, watch))
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        finally:
            following.cancel()
        watch.ended()
        await asyncio.sleep(RESTART_SECONDS)
        _tell("delivery_ended", code)


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), deadline - time.monotonic())
        return
    process.kill()
    await process.wait()


async def supervise_computing(data: Path, style: Style) -> None:
    """Keep the computing process running until cancelled. Nothing waits for it."""
    await asyncio.sleep(COMPUTING_START_SECONDS)
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gainstage.app.computing", str(data), *style, stdin=asyncio.subprocess.PIPE
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        await asyncio.sleep(COMPUTING_RESTART_SECONDS)
        _tell("computing_ended", code)


def _tell(event: str, code: int) -> None:
    """That a process ended though the server goes on. One that was asked to (by SIGTERM, as whoever stops the
    server may ask all its processes) is no fault.
    """
    level = logging.ERROR if code else logging.INFO
    logger.log(level, event, exit_code=code, remedy="It is started again.")
