"""Canaries are sent in time, one at a time, and missed where they do not arrive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gainstage.alerts.conditions import Arrival
from gainstage.app.canaries import Canaries
from gainstage.operating import CANARY_SOURCE, Canary
from gainstage.store.rows import DELIVERED, FAILED, PENDING, NewDelivery, NewEvent, event_key
from gainstage.store.store import Store
from tests.unit.app.test_alerting import SECOND_US, Clock

pytestmark = pytest.mark.anyio


class Server:
    """Takes canaries by a script of statuses, and delivers them when it is told to."""

    def __init__(self, data: Path, *statuses: int) -> None:
        self.store, self.clock = Store(data), Clock()
        self.settings: Canary | None = Canary(frozenset({"cs", "px"}), 60, 30)
        self.canaries = Canaries(self.store, lambda: self.settings, "the-key", self.clock)
        self.heard: list[str] = []
        self._statuses = list(statuses)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert "Authorization: Basic dGhlLWtleTo=" in head
        length = int(head.split("Content-Length: ")[1].split("\r\n")[0])
        (message,) = msgspec.json.decode(await reader.readexactly(length))["batch"]
        self.heard.append(message["messageId"])
        status = self._statuses.pop(0) if self._statuses else 200
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % status)
        await writer.drain()
        writer.close()

    def route(self, **words: int) -> None:
        """Enter the last canary into the ledger, with these words."""
        with self.store.transaction() as transaction:
            number, source = transaction.intake.next_event_id(), transaction.names.source(CANARY_SOURCE)
            key, now_us = event_key(source, self.heard[-1]), self.clock.now_us()
            transaction.intake.add(
                [NewEvent(number, key, source, self.heard[-1], now_us, 0, number, None, None)]
            )
            rows = [
                NewDelivery(number, transaction.destinations.get(name).id, source, word, "")
                for name, word in words.items()
            ]
            transaction.ledger.add(rows, now_us)

    async def pass_by(self, seconds: float) -> None:
        """Time, and a look at its end."""
        self.clock.us += int(seconds * SECOND_US)
        await self.canaries.look()


@asynccontextmanager
async def answering(data: Path, *statuses: int) -> AsyncIterator[Server]:
    server = Server(data, *statuses)
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.canaries.address = f"http://0.0.0.0:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield server
    server.store.close()


async def test_one_is_sent_at_a_time_and_the_next_when_it_has_arrived(tmp_path: Path) -> None:
    async with answering(tmp_path) as server:
        await server.pass_by(0)
        assert len(server.heard) == 1
        server.route(cs=DELIVERED, px=PENDING)
        await server.pass_by(61)
        assert len(server.heard) == 1, "the first is still under way to px"
        assert server.canaries.arrived["cs"][1] == 0.0
        assert server.canaries.late() == [Arrival("px", 61)]
        with server.store.transaction() as transaction:
            place = (1, transaction.destinations.get("px").id, 1)
            transaction.ledger.change(NewDelivery(*place, DELIVERED, ""), server.clock.now_us())
        await server.pass_by(1)
        assert not server.canaries.late()
        assert server.canaries.arrived["px"][1] == 61.0
        assert len(server.heard) == 2


async def test_one_that_fails_is_late_and_another_one_is_tried(tmp_path: Path) -> None:
    async with answering(tmp_path) as server:
        await server.pass_by(0)
        server.route(cs=DELIVERED, px=FAILED)
        await server.pass_by(30)
        assert server.canaries.late() == [Arrival("px", 30)]
        await server.pass_by(31)
        assert len(server.heard) == 2


@pytest.mark.parametrize("status", [429, 503, 401])
async def test_one_that_is_not_taken_is_late_everywhere_and_sent_again_in_its_turn(
    tmp_path: Path, status: int
) -> None:
    async with answering(tmp_path, status) as server:
        await server.pass_by(0)
        await server.pass_by(40)
        assert server.canaries.late() == [Arrival("cs", 40), Arrival("px", 40)]
        assert len(server.heard) == 1
        await server.pass_by(21)
        assert len(server.heard) == 2


async def test_a_server_that_does_not_answer_is_found_out(tmp_path: Path) -> None:
    async with answering(tmp_path) as server:
        server.canaries.address = "http://127.0.0.1:9"  # the port of discard: nobody is there
        await server.pass_by(0)
        await server.pass_by(40)
        assert [one.destination for one in server.canaries.late()] == ["cs", "px"]


async def test_a_destination_that_is_taken_out_is_missed_no_more(tmp_path: Path) -> None:
    async with answering(tmp_path) as server:
        await server.pass_by(0)
        server.route(cs=DELIVERED, px=PENDING)
        await server.pass_by(40)
        server.settings = Canary(frozenset({"cs"}), 60, 30)
        assert not server.canaries.late()
        await server.pass_by(30)
        assert len(server.heard) == 2
        server.settings = None
        await server.pass_by(500)
        assert (len(server.heard), list(server.canaries.late())) == (2, [])
