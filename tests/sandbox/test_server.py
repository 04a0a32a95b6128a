"""Starting and stopping: in a thread, in the foreground, on a taken port, without a socket."""

import subprocess
import sys
from pathlib import Path

import anyio
import httpx2
import pytest

from gainstage_sandbox import ConnectionCutError, ListenError, create_app, running, serve
from gainstage_sandbox.__main__ import main
from gainstage_sandbox.behaviour import switch_table
from tests.sandbox.vendor import CS, PEOPLE

ROOT = Path(__file__).parents[2]


def test_running_gives_the_address_and_the_state_and_stops() -> None:
    with running() as sandbox:
        response = httpx2.put(sandbox.url + PEOPLE, json={"Email": "a@b.c"}, headers=CS)
        assert response.status_code == 200
        assert sandbox.state.people.find("a@b.c") is not None
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(sandbox.url)


def test_two_sandboxes_share_nothing() -> None:
    with running() as one, running() as other:
        httpx2.put(one.url + PEOPLE, json={"Email": "a@b.c"}, headers=CS)
        assert other.state.people.find("a@b.c") is None


def test_a_taken_port_is_one_sentence_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with running() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}"):
            serve(port=port)
        assert main(["--port", str(port)]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "--port" in message


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--host", "256.1.1.1"]])
def test_an_impossible_address_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_switches_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--switches"]) == 0
    assert capsys.readouterr().out.strip() == switch_table()


def test_the_foreground_server_says_where_it_is_and_ends_on_interrupt() -> None:
    command = [sys.executable, "-m", "gainstage_sandbox", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        url = next(word for word in line.split() if word.startswith("http://"))
        assert httpx2.get(url + "/__sandbox__/state").status_code == 200
        process.send_signal(2)
        rest = process.stderr.read()
        assert (process.wait(10), rest) == (0, "")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_it_works_under_a_test_transport_where_cuts_are_exceptions() -> None:
    async def talk() -> None:
        app = create_app(clock=lambda: 1_700_000_000.0)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            assert (await client.put(PEOPLE, json={"Email": "a@b.c"}, headers=CS)).status_code == 200
            await client.post("/__sandbox__/faults", json={"fault": "lost_answer"})
            with pytest.raises(ConnectionCutError):
                await client.put(PEOPLE, json={"Email": "b@b.c"}, headers=CS)
        assert app.state.people.find("b@b.c") is not None

    anyio.run(talk)
