"""What goes wrong between us and the vendors."""

import random
from dataclasses import dataclass, field

from gainstage.destination import CallFailed, Response

CALL_SECONDS = 15.0
FAULTS = (
    "throttled", "failed", "timeout", "unreachable", "cut", "page", "empty", "halved",
)  # fmt: skip
JSON = {"content-type": "application/json"}


@dataclass
class Weather:
    """What goes wrong, and how often. Ends with the faults."""

    rate: float
    kinds: tuple[str, ...]
    slow: float
    #: Vendors that are down.
    down: set[str] = field(default_factory=set)

    def fault(self, chance: random.Random, vendor: str) -> str | None:
        """What goes wrong with the next call, if anything does."""
        if vendor in self.down:
            return chance.choice(("unreachable", "failed"))
        if self.kinds and chance.random() < self.rate:
            return chance.choice(self.kinds)
        return None


def answer_in(chance: random.Random, fault: str | None, served: Response | None) -> Response:
    """What comes back of a call, `served` being the vendor's own answer where it did what was asked."""
    match fault:
        case "unreachable":
            raise CallFailed("unreachable", "Nobody there.", sent=False)
        case "timeout":
            raise CallFailed("timeout", "No answer.", sent=True)
        case "cut":
            raise CallFailed("unreachable", "The connection broke.", sent=True)
        case "throttled":
            headers = dict(JSON)
            if chance.random() < 0.5:
                headers["retry-after"] = str(chance.randint(1, 90))
            body = b'{"result":false,"errorCode":"GU_2400","errorDesc":"Too many request","data":null}'
            return Response(429, headers, body)
        case "failed":
            headers = {"retry-after": "7"} if chance.random() < 0.2 else {}
            return Response(chance.choice((500, 502, 503, 504)), headers, b"<html>oops</html>")
        case "page":
            return Response(200, {"content-type": "text/html"}, b"<html>Sign in</html>")
        case "empty" if served is not None and served.status < 300:
            return Response(200, JSON, b"")
        case "halved":
            body = served.body[: len(served.body) // 2] if served else b'{"result":tr'
            return Response(200, JSON, body or b"{")
    assert served is not None
    return served
