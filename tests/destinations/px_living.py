"""A PX subscription to live in: engine and store under a virtual clock, the sandbox as the vendor."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gainstage.connection import Configuration, Connected, Source
from gainstage.destinations.registry import load
from gainstage.store.rows import Document
from tests.benchmarks.virtual import World

SETTINGS = {"api_key": "key", "product_tag_key": "AP-ABC-2"}
numbers = itertools.count()


def message(kind: str, user: str = "u-1", **more: Any) -> dict[str, Any]:
    """A message of a user; `traits` and the like as they are given."""
    return {"type": kind, "userId": user, "messageId": f"m-{next(numbers)}", **more}


def identify(user: str = "u-1", **traits: Any) -> dict[str, Any]:
    return message("identify", user, traits=traits)


def group(account: str, user: str = "u-1", **traits: Any) -> dict[str, Any]:
    return message("group", user, groupId=account, traits=traits)


def track(name: str, user: str = "u-1", **more: Any) -> dict[str, Any]:
    return message("track", user, event=name, **more)


class PxWorld(World):
    """The virtual world with a PX destination."""

    def _configuration(self, documents: Sequence[Document], revision: int) -> Configuration:
        destination = load("gainsight_px")
        settings = destination.settings.model_validate(self._settings)
        connected = Connected("cs", destination, settings, frozenset({"app"}), frozenset(destination.kinds))
        return Configuration(revision, {"app": Source("app", "server", "k")}, {"cs": connected})


class Scene:
    """What a subscription holds in the end, and what was asked of it."""

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None, **switches: Any) -> None:
        self.world = PxWorld(folder, {**SETTINGS, **(settings or {})}, seed=1)
        self.sandbox = self.world.transport.sandbox.state
        self.sandbox.behaviour.set(switches)
        self._played = 0.0

    def play(self, *batches: Sequence[dict[str, Any]], seconds: float = 60) -> None:
        """The messages of each batch at once, a while between the batches."""

        async def living() -> None:
            if self._played:
                self.world.open()
            self.world.start()
            at = (
                (n * seconds + 1, msgspec.json.encode(one))
                for n, batch in enumerate(batches)
                for one in batch
            )
            await self.world.live(at, seconds * (len(batches) + 1), ())
            await self.world.stop()

        self.world.clock.run(living())
        self._played += seconds

    @property
    def users(self) -> dict[str, dict[str, Any]]:
        return self.sandbox.px.users

    @property
    def accounts(self) -> dict[str, dict[str, Any]]:
        return self.sandbox.px.accounts

    @property
    def events(self) -> list[str]:
        """Names of the events that PX holds, in the order of their arrival."""
        return [event["eventName"] for event in self.sandbox.px.events]

    def calls(self) -> list[str]:
        """Every request with its status."""
        return [
            f"{entry['method']} {entry['path']} {entry['status']}"
            for entry in (one.view() for one in self.sandbox.journal.entries(0, None, None))
        ]

    def outcomes(self, messages: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
        """Word, code and detail of each message's event."""
        self.world.open()
        try:
            with self.world.store.reading() as reading:
                rows = [
                    reading.deliveries(reading.events(one["messageId"])[0]["id"], 0)[0] for one in messages
                ]
            return [(row.word, row.code, row.detail) for row in rows]
        finally:
            self.world.close()

    def words(self, messages: Sequence[dict[str, Any]]) -> list[str]:
        return [f"{word} {code}".strip() for word, code, _ in self.outcomes(messages)]
