"""The delivery process of a server: `python -m gainstage.app.worker DATA`, started by `gainstage serve` only.

It ends when its standard input does, whether the server was stopped or killed: it starts no more calls and
records those under way, so that none of them is in doubt. Until then a new server takes events already.
"""

import asyncio
import gc
import signal
import sys
from pathlib import Path

from gainstage.app.configuring import configurer
from gainstage.app.folder import open_parts
from gainstage.app.logging import log_plain_lines
from gainstage.app.pseudonyms import pseudonyms_of
from gainstage.clock import SystemClock
from gainstage.delivery.engine import Engine
from gainstage.delivery.transport import HttpTransport
from gainstage.errors import UsageError
from gainstage.log.contract import LogUnavailable
from gainstage.sqlite import StorageUnavailable


async def deliver(data: Path) -> None:
    """Deliver until standard input ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal's Ctrl-C is the server's to answer
    store, log = open_parts(data, create=False)
    transport = HttpTransport()
    try:
        pseudonyms = pseudonyms_of(data, store)
        engine = Engine(store, log, SystemClock(), transport, configurer(data), pseudonyms=pseudonyms)
        await engine.run(stop)
    finally:
        loop.remove_reader(sys.stdin.fileno())
        await transport.close()
        await log.close()
        store.close()


def collect_rarely() -> None:
    """A turn makes many objects and hardly a cycle: looking for cycles at the usual pace costs a tenth."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def main() -> int:
    """Exit code 1 when the data folder cannot be used; the server starts us again."""
    log_plain_lines()
    collect_rarely()
    try:
        asyncio.run(deliver(Path(sys.argv[1])))
    except (UsageError, StorageUnavailable, LogUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
