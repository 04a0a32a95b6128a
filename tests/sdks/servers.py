"""The server SDKs as processes that send and end."""

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sdks.proxy import ScriptedProxy, Step
from tests.sdks.site import Site, Source
from tests.world import ROOT, surroundings

FOLDER = Path(__file__).parent
PYTHON = ("segment-python", "rudder-python")
NODE = ("segment-node", "rudder-node")
#: What `traffic` sends unless a number of tracks is given.
CALLS = ("identify", "track", "group", "page", "screen", "alias")
SECONDS = 90


@dataclass(frozen=True)
class Job:
    """What an SDK is to do: one call of each kind, or a number of tracks."""

    sdk: str
    tracks: int = 0
    #: End without asking the SDK to flush.
    leaves: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def run(self, address: str, key: str) -> str:
        """Send; what the SDK reported as failed."""
        job = {**vars(self), "address": address, "key": key}
        if self.sdk in NODE:
            command = ["node", str(FOLDER / "traffic.mjs")]
        else:
            command = [sys.executable, "-m", "tests.sdks.traffic"]
        ended = subprocess.run(
            [*command, json.dumps(job)],
            cwd=ROOT,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=surroundings(),
        )
        assert ended.returncode == 0, (self.sdk, ended.stdout.decode(), ended.stderr.decode())
        return ended.stdout.decode()


@dataclass(frozen=True)
class Ran:
    """A job that has ended, the source it sent to and the proxy between them."""

    job: Job
    source: Source
    proxy: ScriptedProxy
    failed: str

    @property
    def count(self) -> int:
        return self.job.tracks or len(CALLS)


def run(
    site: Site, jobs: Sequence[Job], *script: Step, otherwise: Step | None = None, kind: str = "server"
) -> list[Ran]:
    """Run the jobs at the same time, each behind a proxy with this script and to a source of its own."""

    def one(job: Job) -> Ran:
        source = site.source(kind)
        with source.behind(*script, otherwise=otherwise) as proxy:
            failed = job.run(proxy.address, source.key)
        return Ran(job, source, proxy, failed)

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(one, jobs))
