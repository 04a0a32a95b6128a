"""The load: users that identify, join companies and use features, posted in batches as a server SDK would.

Each sender owns its users and posts its batches one after the other, a batch again until it is answered or
given up: so the order in which a user's events must arrive is the order of their numbers.

Some events can never be delivered somewhere: a vendor refuses them for good, or they lack the e-mail that
Gainsight CS wants. Which ones, and with what reason, `end_of` says of a message alone.
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
DESTINATIONS = ("clickstream", "cs", "px")
#: In how many events a value is that a vendor refuses.
POISON = 0.06
#: The key of a value that a vendor refuses: of its own, so that no other event's value ever takes its place.
POISONED = {"clickstream": "poison_clickstream", "cs": "poison_cs", "px": "poison_px"}
#: The reasons of what these vendors refuse.
REFUSED = {"clickstream": "refused", "cs": "value_invalid", "px": "refused"}
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


def poison_for(destination: str) -> str:
    """A value that its vendor refuses."""
    return f"refused by {destination}"


def end_of(message: Message, destination: str) -> tuple[str, str]:
    """The word of the ledger with which a message must end there, and the reason of what is not delivered."""
    if destination == "cs" and message["type"] != "track" and not message["context"]["traits"]:
        return "parked", "email_missing"
    values = message["properties"] if message["type"] == "track" else message["traits"]
    if POISONED[destination] in values:
        return "failed", REFUSED[destination]
    return "delivered", ""


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
        #: The last one never tells an e-mail.
        self._users = [f"{name}-u{number}" for number in range(7)]
        self._poisoned: set[tuple[str, str, str]] = set()
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
        known = {} if user == self._users[-1] else {"email": email_of(user)}
        made: Message = {
            "type": kind,
            "messageId": f"{self.name}-{self._count:06d}",
            "userId": user,
            "timestamp": self._instant(),
            "context": {"traits": known},
        }
        if kind == "identify":
            names = self._chance.sample(("name", "location", "comments", "timezone", "title", "city"), 3)
            values = {**known, **{name: f"{name} {self._count}" for name in names}}
            made["traits"] = {**values, **self._refused("user", user)}
        elif kind == "group":
            company = f"{self.name}-c{self._chance.randint(1, 3)}"
            names = self._chance.sample(("summary", "tickerSymbol", "website"), 2)
            values = {"name": company, **{name: f"{name} {self._count}" for name in names}}
            made["groupId"] = company
            made["traits"] = {**values, **self._refused("company", company)}
        else:
            made["event"] = "Used"
            values = {"id": made["messageId"], "number": self._count}
            made["properties"] = {**values, **self._refused("event", made["messageId"])}
        return made

    def _refused(self, kind: str, name: str) -> dict[str, str]:
        """Now and then a value that a vendor refuses. No record gets it twice from the same vendor: the newer
        one might be sent in the place of the older one, and which of them failed would be left to chance.
        """
        destination = self._chance.choice(DESTINATIONS)
        if self._chance.random() > POISON or (kind, name, destination) in self._poisoned:
            return {}
        self._poisoned.add((kind, name, destination))
        return {POISONED[destination]: poison_for(destination)}

    def _instant(self) -> str:
        """A moment of the last day that no other event of this sender has: values come out of order."""
        while (moment := self._chance.randrange(DAY_SECONDS * 1_000_000)) in self._instants:
            continue
        self._instants.add(moment)
        return datetime.fromtimestamp(self._began - DAY_SECONDS + moment / 1e6, UTC).isoformat()
