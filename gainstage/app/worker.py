"""The delivery process of a server: `python -m gainstage.app.worker DATA LEVEL FORM`, for `serve` only.

It ends when its standard input does, whether the server was stopped or killed: it starts no more calls and
records those under way, so that none of them is in doubt. Until then a new server takes events already. On
its standard output it tells the server how it fares (`reporting`).
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gainstage.app.archiving import ArchiveOf
from gainstage.app.configuring import configurer
from gainstage.app.folder import open_parts
from gainstage.app.logging import Style, log_lines
from gainstage.app.pseudonyms import pseudonyms_of
from gainstage.app.reporting import tell
from gainstage.app.spans import follow_traces
from gainstage.clock import SystemClock
from gainstage.connection import Configuration
from gainstage.delivery.engine import Engine
from gainstage.delivery.observing import Observer
from gainstage.delivery.transport import HttpTransport
from gainstage.errors import UsageError
from gainstage.log.contract import LogUnavailable
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import Document
from gainstage.tracing import Tracing


async def deliver(data: Path) -> None:
    """Deliver until standard input ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal's Ctrl-C is the server's to answer
    store, log = open_parts(data, create=False)
    tracing = Tracing()
    transport = HttpTransport()
    try:
        configure, change = configurer(data), follow_traces(tracing, "delivery")

        def configured(documents: Sequence[Document], revision: int) -> Configuration:
            found = configure(documents, revision)
            change(found.traces)
            return found

        engine = Engine(
            store, log, SystemClock(), transport, configured,
            pseudonyms=pseudonyms_of(data, store), observer=Observer(tracing), archived=ArchiveOf(data),
        )  # fmt: skip
        telling = asyncio.create_task(tell(engine.observer, engine.under_way, sys.stdout.fileno()))
        try:
            await engine.run(stop)
        finally:
            telling.cancel()
    finally:
        loop.remove_reader(sys.stdin.fileno())
        if tracing.spans is not None:
            tracing.spans.close()
        await transport.close()
        await log.close()
        store.close()


def collect_rarely() -> None:
    """A turn makes many objects and hardly a cycle: looking for cycles at the usual pace costs a tenth."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def main() -> int:
    """Exit code 1 when the data folder cannot be used; the server starts us again."""
    data, *style = sys.argv[1:4]
    log_lines(Style(*style))  # type: ignore[arg-type]
    collect_rarely()
    try:
        asyncio.run(deliver(Path(data)))
    except (UsageError, StorageUnavailable, LogUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
