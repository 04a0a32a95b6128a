"""A process beside the server begins as a fork that waits for its word, and anew after each end."""

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from gainstage.app.beginning import Program, prepared

#: What a server would be: each runs in a process of its own, since pytest's has threads.
SERVER = """
import asyncio, os, sys
from gainstage.app.beginning import Program, prepared


def main(arguments):
    print("begun", *arguments, "by a fork" if os.getppid() == SERVER else "anew", flush=True)
    sys.stdin.read()
    return 7


SERVER = os.getpid()
program = Program(main, "a title of its own", tells=True)


def heard(child):
    return child.stdout.readline().decode().strip()
"""


def run(story: str, tmp_path: Path) -> str:
    """What a server that does this prints."""
    script = tmp_path / "server.py"
    script.write_text(SERVER + textwrap.dedent(story))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_waits_for_its_word_then_runs_until_it_is_let_go_and_its_exit_code_is_known(
    tmp_path: Path,
) -> None:
    said = run(
        """
        async def serve(beginner):
            child = beginner.begin()
            print(heard(child))
            child.stdin.close()
            print(await child.wait(), await child.wait())

        with prepared(("data",), program) as (beginner,):
            asyncio.run(serve(beginner))
        """,
        tmp_path,
    )
    assert said == "begun data by a fork\n7 7\n"


def test_a_killed_one_tells_the_signal_and_the_next_is_started_anew(tmp_path: Path) -> None:
    said = run(
        """
        import gainstage.app.beginning as beginning

        async def serve(beginner):
            child = beginner.begin()
            heard(child)
            child.kill()
            print(await child.wait())
            beginning._start = lambda program, arguments: print("anew", *arguments)
            beginner.begin()

        with prepared(("data",), program) as (beginner,):
            asyncio.run(serve(beginner))
        """,
        tmp_path,
    )
    assert said == "-9\nanew data\n"


def test_those_that_were_never_begun_end_without_a_word_and_each_with_its_own_server_only(
    tmp_path: Path,
) -> None:
    """The second fork holds nothing of the first one's pipes: that one ends though the second lives on."""
    said = run(
        """
        async def serve(first, second):
            one, two = first.begin(), second.begin()
            heard(one), heard(two)
            one.stdin.close()
            print(await asyncio.wait_for(one.wait(), 10))

        with prepared((), program, program, program) as (first, second, unused):
            asyncio.run(serve(first, second))
        unused.close()
        """,
        tmp_path,
    )
    assert said == "7\n"


def test_all_end_with_a_server_that_is_killed(tmp_path: Path) -> None:
    said = run(
        """
        import subprocess
        if sys.argv[1:]:
            SERVER = os.getpid()
            with prepared((), program, program) as (first, waiting):
                print(first.begin().pid, waiting._fork.pid, flush=True)
                os.kill(os.getpid(), 9)
        inner = [sys.executable, __file__, "inner"]
        # Until nobody holds its stderr.
        told = subprocess.run(inner, capture_output=True, text=True, timeout=20)
        assert told.returncode == -9
        print(len(told.stdout.split()))
        """,
        tmp_path,
    )
    assert said == "2\n"


def test_where_nothing_can_be_forked_it_is_started_when_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr("os.fork", refuses)
    monkeypatch.setattr("threading.active_count", lambda: 1)
    with prepared((), Program(lambda arguments: 0, "unused", tells=True)) as (beginner,):
        assert beginner._fork is None


def test_a_process_with_threads_forks_nothing() -> None:
    """A lock that another thread holds would stay locked in the fork."""
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    try:
        with prepared((), Program(lambda arguments: 0, "unused")) as (beginner,):
            assert beginner._fork is None
    finally:
        over.set()
        other.join()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="ps is asked by no other way")
def test_it_shows_its_title_to_those_who_list_processes(tmp_path: Path) -> None:
    said = run(
        """
        with prepared((), program) as (beginner,):
            child = beginner.begin()
            heard(child)
            print(open(f"/proc/{child.pid}/cmdline").read().rstrip("\\0"))
            child.stdin.close()
            os.waitpid(child.pid, 0)
        """,
        tmp_path,
    )
    assert said == "a title of its own\n"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed by no other way")
def test_what_a_server_loads_opens_no_file_and_starts_no_thread(tmp_path: Path) -> None:
    """All of that would be in the forks, too."""
    said = run(
        """
        import threading
        before = set(os.listdir("/proc/self/fd"))
        import gainstage.app.serving
        import gainstage.cli.serve
        print(threading.active_count(), *sorted(set(os.listdir("/proc/self/fd")) - before))
        """,
        tmp_path,
    )
    assert said == "1\n"
