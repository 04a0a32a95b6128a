"""The load: users that identify, join companies and use features, posted in batches as a server SDK would.

Each sender owns its users and posts its batches one after the other, a batch again until it is answered or
given up: so the order in which a user's events must arrive is the order of their numbers.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

DAY_SECONDS = 86_400
BATCH_AT_MOST = 6
PAUSE_SECONDS = 0.14
#: A batch that found no server is given up this often, and its events may or may not be kept.
GIVE_UP = 0.2

Message = dict[str, Any]


@dataclass
class Sent:
    """What was posted, and what the server said yes to."""

    messages: dict[str, Message] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    refused: list[int] = field(default_factory=list)


def email_of(user: str) -> str:
    """A user's e-mail never changes here: records stay apart."""
    return f"{user}@torture.example"


class Sender(threading.Thread):
    """Posts random messages of its own users until told to stop."""

    def __init__(
        self,
        name: str,
        seed: int,
        post: Callable[[list[Message]], int],
        stop: threading.Event | None,
        sent: Sent,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._chance = random.Random(seed)
        self._post, self._stop_asked, self._sent = post, stop or threading.Event(), sent
        self._users = [f"{name}-u{number}" for number in range(6)]
        self._count = 0
        self._began = time.time() - DAY_SECONDS
        self._instants: set[int] = set()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            self._deliver(self.batch())
            self._stop_asked.wait(self._chance.uniform(0.2, 2.0) * PAUSE_SECONDS)

    def batch(self) -> list[Message]:
        """The next messages of these users, noted as sent."""
        made = [self._message() for _ in range(self._chance.randint(1, BATCH_AT_MOST))]
        self._sent.messages.update((message["messageId"], message) for message in made)
        return made

    def _deliver(self, batch: list[Message]) -> None:
        while True:
            try:
                status = self._post(batch)
            except OSError:
                if self._stop_asked.is_set() or self._chance.random() < GIVE_UP:
                    return
                self._stop_asked.wait(0.05)
                continue
            if status == 200:
                self._sent.acknowledged.update(message["messageId"] for message in batch)
            else:
                self._sent.refused.append(status)
            return

    def _message(self) -> Message:
        self._count += 1
        kind = self._chance.choices(("identify", "group", "track"), (5, 2, 4))[0]
        user = self._chance.choice(self._users)
        made: Message = {
            "type": kind,
            "messageId": f"{self.name}-{self._count:06d}",
            "userId": user,
            "timestamp": self._instant(),
            "context": {"traits": {"email": email_of(user)}},
        }
        if kind == "identify":
            names = self._chance.sample(("name", "location", "comments", "timezone", "title", "city"), 3)
            made["traits"] = {"email": email_of(user), **{name: f"{name} {self._count}" for name in names}}
        elif kind == "group":
            company = f"{self.name}-c{self._chance.randint(1, 3)}"
            names = self._chance.sample(("summary", "tickerSymbol", "website"), 2)
            made["groupId"] = company
            made["traits"] = {"name": company, **{name: f"{name} {self._count}" for name in names}}
        else:
            made["event"] = "Used"
            made["properties"] = {"id": made["messageId"], "number": self._count}
        return made

    def _instant(self) -> str:
        """A moment of the last day that no other event of this sender has: values come out of order."""
        while (moment := self._chance.randrange(DAY_SECONDS * 1_000_000)) in self._instants:
            continue
        self._instants.add(moment)
        return datetime.fromtimestamp(self._began - DAY_SECONDS + moment / 1e6, UTC).isoformat()
