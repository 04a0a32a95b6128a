"""The demo from beginning to end."""

import secrets
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from gainstage.accounts import ADMIN, Passwords
from gainstage.app import Reports, add_user, open_store
from gainstage.demo import watching
from gainstage.demo.processes import Process, ended_by_signals, started
from gainstage.demo.settings import read_tenant, set_up
from gainstage.demo.show import USER, Show, Summary
from gainstage.demo.story import DESTINATIONS, Call, chapters
from gainstage.demo.tenant import furnish
from gainstage.demo.traffic import Traffic

LIMIT_SECONDS = 90.0
#: How long what follows from the events may take after them.
COMPUTED_SECONDS = 30.0
EXIT_SURPRISED = 1
#: Who may look around in the dashboard has a password of so much chance, made anew each time.
PASSWORD_BYTES = 12


def run(*, once: bool) -> int:
    """Play the story and show what became of it; the exit code. Without `once`, keep running until Ctrl-C."""
    show = Show()
    try:
        with ended_by_signals(), ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gainstage-demo-")))
            return _play(show, stack, folder, once=once)
    except KeyboardInterrupt:
        show.say("Stopped, and cleared away.")
        return 0


def _play(show: Show, stack: ExitStack, folder: Path, *, once: bool) -> int:
    data = folder / "data"
    sandbox = stack.enter_context(started("sandbox", ["sandbox", "--port", "0"], folder))
    sandbox_url = sandbox.address()
    furnish(sandbox_url)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    add_user(data, USER, ADMIN, password, Passwords())
    set_up(data, sandbox_url)
    arguments = ["serve", "--port", "0", "--data", str(data), "--demo", sandbox_url]
    server = stack.enter_context(started("server", arguments, folder))
    server_url = server.address()
    show.begin(server_url, sandbox_url)

    calls = [call for chapter in chapters() for call in chapter.calls]
    traffic = Traffic(server_url)
    stack.callback(traffic.close)
    for chapter in chapters():
        traffic.send(chapter.calls)
        show.chapter(chapter.title, len(chapter.calls))
    reports = stack.enter_context(closing(open_store(data)))
    expected = sum(len(DESTINATIONS) for call in calls if "" not in call.otherwise)
    with show.delivering() as progress:
        watching.wait_until_settled(reports, expected, LIMIT_SECONDS, progress)
        show.computing()
        watching.wait_until_computed(sandbox_url, COMPUTED_SECONDS)
        watching.wait_until_settled(reports, expected, LIMIT_SECONDS, progress)
    summary = _summary(reports, sandbox_url, calls)
    show.summary(summary)
    if not once:
        read_tenant(data)
        show.addresses(server_url, sandbox_url, data, password)
        _keep_running(show, (server, sandbox))
    return 0 if summary.is_good else EXIT_SURPRISED


def _summary(reports: Reports, sandbox_url: str, calls: Sequence[Call]) -> Summary:
    status = reports.status(time.time_ns() // 1000)
    state = watching.fetch(f"{sandbox_url}/__sandbox__/state")
    found = watching.fates(reports, calls)
    return Summary(
        connections=status["connections"],
        unbalanced=watching.unbalanced(status["connections"]),
        arrived=watching.arrived_counts(state),
        groups=watching.by_reason(found),
        calls=watching.calls_made(sandbox_url),
        one_at_a_time=watching.one_at_a_time(found, status["connections"]),
        computed=watching.computed_values(state),
        surprises=watching.surprises(calls, found, state),
    )


def _keep_running(show: Show, processes: Sequence[Process]) -> None:
    while True:
        for process in processes:
            if not process.runs:
                show.say(f"The {process.name} has ended: {process.last_words()}")
                return
        time.sleep(0.5)
