"""The worked example in virtual time: an order makes a member, thirty days unmake one, no more is said."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gainstage.audiences.definition import All, Audience, Clause, Filter, Performed, Test, Trait, Window
from gainstage.clock import DAY_US, SECOND_US
from gainstage.computed import COMPUTED_SOURCE
from gainstage.computing.computer import EVERY_SECONDS, Computer
from gainstage.computing.state import State
from gainstage.computing.workbench import Workbench
from gainstage.connection import Configuration, Connected, Source
from gainstage.destinations.registry import load
from gainstage.event import Event
from gainstage.history import Archive, Batch
from gainstage.history.rows import row_of
from gainstage.log.contract import Entry
from gainstage.normalise import normalise
from gainstage.pseudonym import Pseudonyms
from gainstage.store.rows import Document
from tests.benchmarks.virtual import LONGEST_SLEEP_SECONDS, World

KEY = "order_completed_last_30days"
DAY = 86_400.0
ORDERED = Performed(
    Clause("Order Completed", (Filter("revenue", Test("greater_than", 0)),)), Window(0, 30 * 86_400)
)
BUYERS = Audience(
    key=KEY,
    name="Order Completed Last 30days",
    condition=All((ORDERED, Trait("plan", Test("equals", "enterprise")))),
    destinations=("cs", "classic"),
)


class Tenant(World):
    """Delivery to CS and to Segment's destination, and computing beside it, under one virtual clock."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {}, seed=1)
        self.archive = Archive(folder)
        self.state, self.bench = State(folder / "audiences"), Workbench(folder / "audiences", threads=1)
        pseudonyms = Pseudonyms(b"key")
        self.computer = Computer(self.state, self.bench, self.archive, self.log, pseudonyms, self.clock)
        self._archived = 0

    def _configuration(self, documents: Sequence[Document], revision: int) -> Configuration:
        keys = {"domain": "acme", "access_key": "key", "person_fields": {KEY: "Buyer__gc"}}
        made = {"cs": ("gainsight_cs", keys), "classic": ("gainsight", {"access_key": "k" * 36})}
        connected = {}
        for name, (kind, settings) in made.items():
            type_ = load(kind)
            given = type_.settings.model_validate(settings)
            connected[name] = Connected(name, type_, given, frozenset({"app"}), frozenset(type_.kinds))
        source = {"app": Source("app", "server", "k")}
        return Configuration(revision, source, connected, computations=(BUYERS,))

    def _idle_seconds(self, hungry: bool) -> float:
        idle = super()._idle_seconds(hungry)
        return idle if idle < LONGEST_SLEEP_SECONDS else DAY / 2  # it is woken when anything comes

    async def say(self, *messages: dict[str, Any]) -> None:
        """Accept these now."""
        now_us = self.clock.now_us()
        bodies = [msgspec.json.encode(message) for message in messages]
        await self._accept([Entry("app", "", now_us + n, n, b"", body) for n, body in enumerate(bodies)])

    async def compute(self) -> int:
        """What the computing process does at every turn."""
        entries = await self.log.read(0, self._archived, 10_000)
        events = [normalise(f"0-{one.offset}", one.entry) for one in entries]
        rows = [row_of(one) for one in events if isinstance(one, Event) and one.source != COMPUTED_SOURCE]
        if entries:
            self._archived = entries[-1].offset
            self.archive.append(lambda: Batch(rows=rows))
        said = (await self.computer.turn([BUYERS])).said
        assert self._engine is not None
        self._engine.wake()
        return said

    async def pass_time(self, seconds: float, every: float) -> int:
        """Computing turns go on, so many seconds apart; how many calls were said."""
        said, end_us = 0, self.clock.now_us() + int(seconds * SECOND_US)
        while self.clock.now_us() < end_us:
            said += await self.compute()
            await self.clock.sleep(min(every, (end_us - self.clock.now_us()) / SECOND_US))
        return said

    @property
    def person(self) -> dict[str, Any]:
        [row] = self.transport.sandbox.state.cs.people.rows.values()
        return dict(row)

    def computed(self) -> list[Any]:
        """The values that Segment's destination was told, in order."""
        messages = self.transport.sandbox.state.messages
        return [one["traits"][KEY] for one in messages if one.get("context", {}).get("personas")]


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    made = Tenant(tmp_path)
    yield made
    made.bench.close()
    made.state.close()
    made.archive.close()


def test_an_order_makes_a_member_and_thirty_days_later_nothing_but_time_unmakes_one(tenant: Tenant) -> None:
    async def story() -> None:
        tenant.start()
        await tenant.say(
            {"type": "identify", "messageId": "1", "userId": "u1",
             "traits": {"email": "ann@acme.test", "plan": "enterprise"}},
            {"type": "track", "messageId": "2", "userId": "u1", "event": "Order Completed",
             "properties": {"revenue": 0}},
        )  # fmt: skip
        assert await tenant.pass_time(3 * DAY, DAY / 2) == 0, "an order of nothing makes nobody a member"
        ordered_us = tenant.clock.now_us()
        await tenant.say({"type": "track", "messageId": "3", "userId": "u1", "event": "Order Completed",
                          "properties": {"revenue": 12}})  # fmt: skip
        assert await tenant.pass_time(60, 10) == 1, "within seconds"
        assert tenant.person["Buyer__gc"] is True
        left = (ordered_us + 30 * DAY_US - tenant.clock.now_us()) / SECOND_US
        assert await tenant.pass_time(left - 60, DAY / 2) == 0
        assert await tenant.pass_time(2 * EVERY_SECONDS, EVERY_SECONDS / 3) == 1
        assert await tenant.pass_time(40 * DAY, DAY / 2) == 0
        await tenant.stop()

    tenant.clock.run(story())
    assert tenant.person["Buyer__gc"] is False
    assert tenant.computed() == [True, False]
    written = [what for _, what in tenant.transport.made if what == "people"]
    assert len(written) == 3, "one for the person, one to enter, one to leave"
