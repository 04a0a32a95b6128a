"""Real processes on one data folder: a sandbox that stays, a server that may be killed and started again."""

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gainstage.app import open_store
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
SECONDS = 60.0
LOOK_SECONDS = 0.05
#: What is shown of a process that delivers: forked from the server, or started anew.
DELIVERY = ("gainstage: delivery", "gainstage.app.worker")
WORDS = ("delivered", "filtered", "failed", "parked", "pending")
WRITE_KEY = "world-write-key-1"
SECRETS = (
    "0f3c2a7e-aaaa-4222-8333-world0000000",
    "world-cs-access-key",
    "world-cs-shared-secret",
    "world-px-api-key",
)
PLENTY = {"per_minute": 1_000_000, "per_day": 10_000_000, "reserve_percent": 0}

T = TypeVar("T")
_ADDRESS = re.compile(r"http://[^/\s]+")
# Never through a proxy: everything here is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def clickstream(sandbox: str, **settings: Any) -> dict[str, Any]:
    """The clickstream destination of these tests."""
    given = {"access_key": SECRETS[0], "api_url": sandbox, **settings}
    return {"name": "clickstream", "type": "gainsight", "settings": given}


def cs(sandbox: str, **settings: Any) -> dict[str, Any]:
    """The CS destination of these tests, with budget enough."""
    given = {
        "domain": "world",
        "access_key": SECRETS[1],
        "shared_secret": SECRETS[2],
        "tenant_id": "world-tenant",
        "topic_name": "usage",
        "events": {"Used": {"name": "used", "version": "1.0.0"}},
        "budget": PLENTY,
        "api_url": sandbox,
        **settings,
    }
    kept = {name: value for name, value in given.items() if value is not None}
    return {"name": "cs", "type": "gainsight_cs", "settings": kept}


def px(sandbox: str, **settings: Any) -> dict[str, Any]:
    """The PX destination of these tests."""
    given = {
        "api_key": SECRETS[3],
        "product_tag_key": "AP-WORLD00001-2",
        "budget": {"per_second": 100_000, "per_day": 10_000_000, "reserve_percent": 0},
        "api_url": sandbox,
        **settings,
    }
    return {"name": "px", "type": "gainsight_px", "settings": given}


def configured(*destinations: Mapping[str, Any], **source: Any) -> dict[str, Any]:
    """A configuration with one source that feeds these destinations."""
    return {
        "sources": [{"name": "site", "kind": "server", "write_key": WRITE_KEY, **source}],
        "destinations": [dict(one) for one in destinations],
    }


class World:
    """A data folder with its configuration, its server and its sandbox."""

    def __init__(
        self,
        folder: Path,
        sandbox: str,
        configuration: Mapping[str, Any],
        port: int = 0,
        options: Sequence[str] = (),
    ) -> None:
        self.folder, self.sandbox = folder, sandbox
        #: More options of `serve`.
        self.options = tuple(options)
        #: More of the server's environment.
        self.environment: dict[str, str] = {}
        self.data = folder / "data"
        self.config = folder / "gainstage.yaml"
        self.port = port or free_port()
        self.server: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self.configure(configuration)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def configure(self, configuration: Mapping[str, Any]) -> Path:
        """Write the configuration file; in force with the next start, or with `apply`."""
        self.config.write_text(yaml.safe_dump(dict(configuration)), encoding="utf-8")
        return self.config

    # the server

    def launch(self, *wrapper: str) -> subprocess.Popen[bytes]:
        """Start the server without waiting for it. Its output goes to `server-N.log`."""
        self._starts += 1
        log = (self.folder / f"server-{self._starts}.log").open("wb")
        with log:
            self.server = subprocess.Popen(
                [
                    *wrapper,
                    sys.executable,
                    "-m",
                    "gainstage",
                    "serve",
                    "--port",
                    str(self.port),
                    *self._places(),
                    *self.options,
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=surroundings(self.environment),
            )
        return self.server

    def start(self, *wrapper: str) -> None:
        """Start the server and wait until it answers."""
        process = self.launch(*wrapper)

        def answers() -> bool:
            assert process.poll() is None, self.said()
            return self.is_up()

        wait_for(answers)

    def is_up(self) -> bool:
        try:
            return bool(fetch(f"{self.address}/health", seconds=2) is not None)
        except OSError:
            return False

    def delivery_pid(self) -> int | None:
        """The process that delivers for the running server."""
        assert self.server is not None
        theirs = children(self.server.pid).items()
        return next((pid for pid, command in theirs if any(name in command for name in DELIVERY)), None)

    def kill(self) -> None:
        """SIGKILL for the server's main process only."""
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def kill_delivery(self) -> bool:
        """SIGKILL for the delivery process only; False when there is none at the moment."""
        pid = self.delivery_pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pid is not None

    def stop(self) -> None:
        """Stop the server as an operator would; it must end well."""
        assert self.server is not None
        self.server.terminate()
        assert self.server.wait(SECONDS) == 0, self.said()

    def said(self) -> str:
        """Everything that the servers printed so far."""
        logs = sorted(self.folder.glob("server-*.log"))
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in logs)

    def close(self) -> None:
        """End what still runs."""
        if self.server is not None and self.server.poll() is None:
            self.server.kill()
            self.server.wait()

    # the command line

    def run(
        self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """A command on the data folder."""
        return subprocess.run(
            [sys.executable, "-m", "gainstage", *arguments, "--data", str(self.data)],
            cwd=self.folder,
            input=given,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=surroundings(environment),
        )

    def report(self, *arguments: str, given: bytes = b"") -> Any:
        """What a command prints with `--json`."""
        ended = self.run(*arguments, "--json", given=given)
        assert ended.stdout, ended.stderr.decode()
        return json.loads(ended.stdout)

    def status(self) -> dict[str, Any]:
        """What `status --json` prints, read in this process, which is not the server's."""
        with contextlib.closing(open_store(self.data)) as reports:
            return reports.status(time.time_ns() // 1_000)

    def counts(self, destination: str) -> dict[str, Any]:
        """The counts of a destination; zeros until the delivery process knows it."""
        rows = [row for row in self.status()["connections"] if row["destination"] == destination]
        return dict(rows[0]) if rows else dict.fromkeys(("received", *WORDS), 0)

    def apply(self, configuration: Mapping[str, Any]) -> None:
        """Put another configuration in force."""
        ended = self.run("apply", "-f", str(self.configure(configuration)))
        assert ended.returncode == 0, ended.stderr.decode()

    def _places(self) -> list[str]:
        # The file by its name: the audit log tells it, and pictures of that are in the documents.
        return ["--data", str(self.data), "--config", self.config.name]

    # the tracking API

    def post(self, messages: Iterable[Mapping[str, Any]], *, seconds: float = 10.0) -> int:
        """Post a batch; the status of a completely read answer.

        Raises:
            OSError: no complete answer came.
        """
        body = json.dumps({"batch": list(messages)}).encode()
        credentials = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {credentials}"}
        request = urllib.request.Request(f"{self.address}/v1/batch", body, headers)
        return answer_status(request, seconds)

    def take(self, *messages: Mapping[str, Any]) -> None:
        """Have the server accept the messages."""
        assert self.post(messages) == 200


def answer_status(request: urllib.request.Request, seconds: float) -> int:
    """The status of an answer that was read to its end."""
    try:
        with _opener.open(request, timeout=seconds) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.read()
        return error.code
    except (ValueError, EOFError) as error:
        raise OSError(str(error)) from error
    except Exception as error:  # http.client has errors of its own for answers that are cut off
        raise error if isinstance(error, OSError) else OSError(str(error)) from error


def fetch(url: str, body: Any = None, *, method: str | None = None, seconds: float = 20.0) -> Any:
    """A JSON document, or what a POST answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data, {"Content-Type": "application/json"}, method=method or ("GET" if data is None else "POST")
    )
    with _opener.open(request, timeout=seconds) as answer:
        content = answer.read()
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


@contextlib.contextmanager
def sandbox_process() -> Iterator[str]:
    """A sandbox in a process of its own, without limits; its address."""
    port = free_port()
    command = [sys.executable, "-m", "gainstage_sandbox", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None
        try:
            fetch(f"{address}/__sandbox__/limits", {"enabled": False}, seconds=2)
        except OSError:
            return False
        return True

    try:
        wait_for(answers)
        yield address
    finally:
        process.kill()
        process.wait()


def children(pid: int) -> dict[int, str]:
    """The processes that a process started and that still run, with their commands."""
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    if listing.exists():
        found = {}
        for child in listing.read_text().split():
            with contextlib.suppress(FileNotFoundError):
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
        return found
    command = ["ps", "-axo", "pid=,ppid=,command="]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in table.splitlines()]
    return {int(child): "".join(rest) for child, parent, *rest in rows if int(parent) == pid}


def surroundings(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command: ours, without what changes how output looks."""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR", "TERM")
    }
    return {**kept, "NO_PROXY": "127.0.0.1,localhost", "PYTHONPATH": str(ROOT), **(extra or {})}


def wait_for(condition: Callable[[], T], seconds: float = SECONDS, what: str = "it") -> T:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true in time"
        time.sleep(LOOK_SECONDS)
    return answer


def counts_of(status: Mapping[str, Any], destination: str) -> dict[str, Any]:
    """The counts of a destination in a status."""
    found = [counts for counts in status["connections"] if counts["destination"] == destination]
    assert len(found) == 1, status["connections"]
    return dict(found[0])
