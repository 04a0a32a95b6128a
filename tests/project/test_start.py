"""Commands start quickly: what reads a data folder loads nothing that only servers, calls and tables need."""

import subprocess
import sys

from tests.project.sources import ROOT

LOADING = "import sys; import gainstage.cli.main; from gainstage.app import apply, open_store"
HEAVY = {"anyio", "httpcore2", "jinja2", "rich", "starlette", "structlog", "uvicorn"}


def test_reports_and_configuration_load_no_server_no_client_and_no_formatting() -> None:
    command = [sys.executable, "-c", f"{LOADING}; print(*sys.modules)"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(ended.stdout.split())
