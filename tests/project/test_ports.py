"""Ports of tests that run at once."""

import subprocess
import sys

from tests.project.sources import ROOT

PROCESSES, EACH = 4, 200
ASKING = (
    f"from tests.ports import free_port; print(*(free_port() for _ in range({EACH})), flush=True); input()"
)


def test_processes_that_run_at_once_get_ports_of_their_own() -> None:
    command = [sys.executable, "-c", ASKING]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    given = [port for process in processes if process.stdout for port in process.stdout.readline().split()]
    for process in processes:
        process.communicate("\n")
    assert len(set(given)) == len(given) == PROCESSES * EACH
