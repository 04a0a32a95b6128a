"""The delivery process of a server: `python -m gainstage.app.worker DATA LEVEL FORM`, for `serve` only.

It ends when its standard input does, whether the server was stopped or killed: it starts no more calls and
records those under way, so that none of them is in doubt. Until then a new server takes events already. On
its standard output it tells the server how it fares (`reporting`).
"""

import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from gainstage.app.archiving import ArchiveOf
from gainstage.app.configuring import configurer
from gainstage.app.folder import open_parts
from gainstage.app.living import live
from gainstage.app.pseudonyms import pseudonyms_of
from gainstage.app.reporting import tell
from gainstage.app.spans import follow_traces
from gainstage.clock import SystemClock
from gainstage.connection import Configuration
from gainstage.delivery.engine import Engine
from gainstage.delivery.observing import Observer
from gainstage.delivery.transport import HttpTransport
from gainstage.store.rows import Document
from gainstage.tracing import Tracing


async def deliver(data: Path, stop: asyncio.Event) -> None:
    """Deliver until told to stop."""
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
        if tracing.spans is not None:
            tracing.spans.close()
        await transport.close()
        await log.close()
        store.close()


def collect_rarely() -> None:
    """A turn makes many objects and hardly a cycle: looking for cycles at the usual pace costs a tenth."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    collect_rarely()
    return live(arguments, deliver)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
