"""JSON Lines that are sent while they are made, and texts that are no Unicode."""

import asyncio
import json
from typing import Any

import pytest

from gainstage.management.answers import Lines, encoded
from gainstage.sqlite import StorageUnavailable

pytestmark = pytest.mark.anyio


class Listener:
    """Whom lines are sent to; leaves after `patience` bodies."""

    def __init__(self, patience: int = 100) -> None:
        self.sent: list[dict[str, Any]] = []
        self._left = asyncio.Event()
        self._patience = patience

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if len(self.bodies) >= self._patience:
            self._left.set()
            await asyncio.sleep(0)  # whoever waits for that hears of it
            await asyncio.sleep(0)

    async def receive(self) -> Any:
        await self._left.wait()
        return {"type": "http.disconnect"}

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.sent if message["type"] == "http.response.body"]

    @property
    def complete(self) -> bool:
        return self.sent[-1].get("more_body") is False


async def played(listener: Listener, *parts: bytes | Exception, method: str = "GET") -> int:
    """Send these parts; how often they were let go of."""
    rest, closed = list(parts), 0

    async def more() -> bytes:
        part = rest.pop(0) if rest else b""
        if isinstance(part, Exception):
            raise part
        return part

    async def close() -> None:
        nonlocal closed
        closed += 1

    await Lines(more, close)({"type": "http", "method": method}, listener.receive, listener.send)
    return closed


async def test_lines_are_sent_as_they_come() -> None:
    listener = Listener()
    assert await played(listener, b"1\n2\n", b"3\n") == 1
    assert listener.bodies == [b"1\n2\n", b"3\n", b""] and listener.complete
    assert dict(listener.sent[0]["headers"])[b"content-type"].startswith(b"application/x-ndjson")


async def test_an_answer_that_breaks_off_is_not_taken_for_the_whole(caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener()
    assert await played(listener, b"1\n", StorageUnavailable("The disk is full.")) == 1
    assert listener.bodies == [b"1\n"] and not listener.complete
    (record,) = caplog.records
    assert (record.getMessage(), vars(record)["problem"]) == ("data_unavailable", "The disk is full.")


async def test_nothing_more_is_read_for_a_listener_who_left() -> None:
    listener = Listener(patience=2)
    assert await played(listener, b"1\n", b"2\n", b"3\n") == 1
    assert b"3\n" not in listener.bodies


async def test_head_reads_nothing() -> None:
    listener = Listener()
    assert await played(listener, AssertionError("read"), method="HEAD") == 1
    assert listener.complete


def test_texts_that_are_no_unicode_are_escaped() -> None:
    for value in ("ümlaut 😀", "half a \ud83d pair"):
        assert json.loads(encoded({"text": value})) == {"text": value}
