"""The sandbox beside a server: started when somebody asks, and again with each start until it is ended.

A process of its own on this machine, which ends with the server. It holds what it was sent in memory only.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

import structlog

from gainstage.errors import UsageError
from gainstage.log.file import sync_folder

#: Holds the port, while the sandbox is wanted.
FILE_NAME = "sandbox.port"
START_SECONDS = 20.0
RESTART_SECONDS = 5.0

logger = structlog.get_logger(__name__)


class Beside:
    """A sandbox that somebody else runs, and ends: the demo's."""

    def __init__(self, address: str) -> None:
        self.address: str | None = address
        self._address = address

    async def start(self) -> str:
        """Its address: it runs already."""
        return self._address

    async def stop(self) -> None:
        """It is not ours to end.

        Raises:
            UsageError: always.
        """
        raise UsageError("This is the demo's sandbox: it ends when the demo is stopped.")

    async def follow(self) -> None:
        """Nothing is to be done for it."""


class Trial:
    """The sandbox of a data folder. Used by one event loop."""

    def __init__(self, data: Path) -> None:
        self._file = data / FILE_NAME
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        #: Where it answers; None while it does not run.
        self.address: str | None = None

    async def follow(self) -> None:
        """Keep it running while it is wanted, until cancelled; then end it."""
        try:
            while True:
                if self._file.exists():
                    try:
                        await self.start()
                    except UsageError as error:
                        logger.error("sandbox_not_started", reason=str(error))
                process = self._process
                if process is not None:
                    await process.wait()
                    self.address = None
                await asyncio.sleep(RESTART_SECONDS)
        finally:
            await self._end()

    async def start(self) -> str:
        """See that it runs; its address.

        Raises:
            UsageError: it cannot be started.
        """
        async with self._turn:
            if self.address is not None and self._process is not None and self._process.returncode is None:
                return self.address
            port = self._file.read_text().strip() if self._file.exists() else "0"
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gainstage.cli.beside", port if port.isdigit() else "0",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert process.stdout is not None
            line = b""
            with contextlib.suppress(TimeoutError):
                line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
            self._process = process
            if not line:
                await self._end()
                raise UsageError(f"The sandbox cannot start on port {port}: another program may have it.")
            self.address = line.decode().strip()
            self._file.write_text(self.address.rpartition(":")[2])
            sync_folder(self._file.parent)
            return self.address

    async def stop(self) -> None:
        """End it, also for later starts."""
        async with self._turn:
            self._file.unlink(missing_ok=True)
            await self._end()

    async def _end(self) -> None:
        process, self._process, self.address = self._process, None, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
