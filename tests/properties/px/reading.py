"""The messages as they were first received, with their place in the order of values."""

from dataclasses import dataclass

from tests.benchmarks.virtual import MONDAY_US
from tests.properties.case import Stamp
from tests.properties.chances import SECOND_US
from tests.properties.outcomes import Key
from tests.properties.px.case import Case, Said


@dataclass
class Heard:
    """A message as it was first received."""

    said: Said
    index: int
    stamp: Stamp
    #: When it happened, whatever time it was received.
    time_us: int

    @property
    def key(self) -> Key:
        return self.said.source, self.said.message_id

    @property
    def person(self) -> str:
        """The user that it is about."""
        return self.said.user or self.said.device

    @property
    def account(self) -> str:
        """The account that it links its user to, if it does."""
        linked = (value.stored for value in self.said.values if value.field == "accountId")
        return self.said.group or next(linked, "")


def hear(case: Case) -> list[Heard]:
    """The messages in the order of the log, each once."""
    found: dict[Key, Heard] = {}
    for sent in case.sent:
        received_us = MONDAY_US + round(sent.at * SECOND_US)
        for place, said in enumerate(sent.messages):
            key = (said.source, said.message_id)
            if key not in found:
                # One that arrives again says the time of its first arrival, if it says any.
                time_us = received_us + said.shift_us
                stamp = (max(0, min(time_us, received_us)), received_us, place, said.message_id)
                found[key] = Heard(said, len(found), stamp, time_us)
    return list(found.values())
