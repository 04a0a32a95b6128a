"""What probes ask: whether the process lives, whether it can take events, and which version it is.

The answers hold our words and those of RudderStack's server, so that probes written for that one work here.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from gainstage import __version__
from gainstage.ingest.answers import Answer

#: The parts that cannot be used now and why, one sentence each; empty when all can.
Readiness = Callable[[], Awaitable[Mapping[str, str]]]

#: What a problem is about, where it is not that events cannot be taken.
DELIVERY = "delivery"
STORAGE = frozenset({"log", "store"})

VERSION = Answer(200, msgspec.json.encode({"name": "gainstage", "version": __version__}))


async def always_ready() -> Mapping[str, str]:
    """The readiness of a process that has nothing to wait for."""
    return {}


def health(problems: Mapping[str, str]) -> Answer:
    """Always 200: a process that a probe ends and starts anew has no more disk than before."""
    return _told(200, "live", problems)


def readiness(problems: Mapping[str, str]) -> Answer:
    """503 while events cannot be taken or are not delivered, with what stands in the way."""
    return _told(503, "unavailable", problems) if problems else _told(200, "ready", problems)


def _told(status: int, word: str, problems: Mapping[str, str]) -> Answer:
    body: dict[str, object] = {
        "status": word,
        "appType": "GAINSTAGE",
        "server": "UP",
        "db": "DOWN" if STORAGE & set(problems) else "UP",
        "acceptingEvents": "TRUE" if set(problems) <= {DELIVERY} else "FALSE",
        "mode": "NORMAL",
    }
    if problems:
        body["problems"] = dict(problems)
    return Answer(status, msgspec.json.encode(body))
