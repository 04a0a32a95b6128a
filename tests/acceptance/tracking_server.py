"""A process that serves the tracking API over a log in a folder and prints its address."""

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from gainstage.clock import SystemClock
from gainstage.connection import Source
from gainstage.ingest import TrackingApi
from gainstage.ingest.server import serve
from gainstage.log.local import LocalLog


async def main(folder: Path) -> None:
    log = LocalLog(folder)
    sources = {"site": Source("site", "server", "site-key")}
    api = TrackingApi(log, SystemClock(), lambda: sources)
    serving = asyncio.create_task(
        serve(api, "127.0.0.1", 0, started=lambda address: print(address, flush=True))
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    await asyncio.wait([serving])
    await log.close()
    if not serving.cancelled():
        serving.result()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
