"""Whose e-mail a message is about, when that is known, and its place in the order of values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.virtual import MONDAY_US
from tests.properties.case import Stamp
from tests.properties.cs.case import Case, Said
from tests.properties.outcomes import Key

SECOND_US = 1_000_000
Turn = tuple[int, int, int]


@dataclass
class Heard:
    """A message as it was first received."""

    said: Said
    index: int
    received: float
    stamp: Stamp
    #: In small letters; empty while nobody told it.
    email: str = ""
    #: When it could be planned, in the order of the log.
    turn: Turn | None = None

    @property
    def key(self) -> Key:
        return self.said.source, self.said.message_id


@dataclass
class Memory:
    """What was told of each id. E-mails with the stamps of the messages that told them."""

    emails: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)

    def email_of(self, said: Said) -> str:
        """The e-mail of a message's user by now: told by itself, else of the user, else of the device."""
        if said.tells:
            return said.tells
        foreign = said.user and self.owners.get(said.device, said.user) != said.user
        device = "" if foreign else said.device
        user = said.user or self.owners.get(device, "")
        for one in (f"u:{user}", f"u:{self.moved.get(user, '')}", f"a:{device}"):
            if one in self.emails:
                return self.emails[one][1]
        return ""

    def hear(self, heard: Heard) -> None:
        """Learn from a message."""
        said, ids = heard.said, []
        if said.user:
            ids.append(f"u:{said.user}")
        if said.device:
            ids.append(f"a:{said.device}")
        for one in ids:
            if said.tells and (one not in self.emails or self.emails[one][0] <= heard.stamp):
                self.emails[one] = (heard.stamp, said.tells)
        if said.device and said.user:
            self.owners[said.device] = said.user
            self._inherit(f"u:{said.user}", f"a:{said.device}")
        if said.kind == "alias" and said.previous and said.user:
            for old in (f"u:{said.previous}", f"a:{said.previous}"):
                self._inherit(f"u:{said.user}", old)
            if said.previous != said.user:
                self.moved[said.previous] = said.user
            self.owners[said.previous] = said.user
        if said.user in self.moved:  # the old id still learns for the new one
            self._inherit(f"u:{self.moved[said.user]}", f"u:{said.user}")

    def _inherit(self, heir: str, from_: str) -> None:
        if from_ in self.emails:
            self.emails.setdefault(heir, self.emails[from_])


def hear(case: Case) -> list[Heard]:
    """The messages in the order of the log, each once, with the e-mail that it turns out to be about."""
    memory, found, known = Memory(), [], set()
    waiting: list[Heard] = []
    for sent in case.sent:
        for place, said in enumerate(sent.messages):
            received_us = MONDAY_US + round(sent.at * SECOND_US)
            time_us = min(received_us + said.shift_us, received_us)
            heard = Heard(said, len(found), sent.at, (max(0, time_us), received_us, place, said.message_id))
            if heard.key in known:
                continue
            known.add(heard.key)
            found.append(heard)
            heard.email = memory.email_of(said)
            memory.hear(heard)
            waiting = set_free(waiting, memory, heard.index)
            if heard.email or said.kind not in ("identify", "group"):
                heard.turn = (heard.index, 1, 0)
            else:
                waiting.append(heard)
                waiting = set_free(waiting, memory, heard.index)
    return found


def set_free(waiting: Sequence[Heard], memory: Memory, index: int) -> list[Heard]:
    """Messages whose e-mail is known now are planned before the one that told it; the others."""
    left = []
    for heard in waiting:
        heard.email = memory.email_of(heard.said)
        if heard.email:
            heard.turn = (index, 0, heard.index)
        else:
            left.append(heard)
    return left


def firms_of(case: Case) -> Mapping[int, str]:
    """The GSIDs of companies that the tenant had before."""
    return {row["_firm"]: row["Gsid"] for row in case.companies}
