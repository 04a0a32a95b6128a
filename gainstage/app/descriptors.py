"""How many files and connections a server may have open: all that the system grants, and when they run out.

A connection that finds no descriptor is closed at once, so its sender tries again; those that are open go on.
"""

import asyncio
import contextlib
import resource
import time

import structlog

from gainstage.sqlite import out_of_descriptors

LOOK_SECONDS = 1.0
REPORT_SECONDS = 60.0
#: More than the tracking API lets in, with room for everything else.
ENOUGH = 16_384

logger = structlog.get_logger(__name__)


def raise_limit() -> None:
    """Let this process, and those that it starts, have as many open as it needs and the system grants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def watch() -> None:
    """Report when all are in use, once a minute at most, until cancelled."""
    reported = -REPORT_SECONDS
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if time.monotonic() >= reported + REPORT_SECONDS and out_of_descriptors():
            reported = time.monotonic()
            logger.error(
                "descriptors_exhausted",
                limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                remedy="New connections are closed until others end; raise the limit of open files "
                "(`ulimit -n`, LimitNOFILE of systemd).",
            )
