"""What goes wrong between us and the vendors."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from gainstage.destination import CallFailed, Response

CALL_SECONDS = 15.0
FAULTS = (
    "throttled", "failed", "timeout", "unreachable", "cut", "page", "empty", "halved", "moved", "refused",
    "lost path", "internal",
)  # fmt: skip
#: What the vendor answers without having done anything.
UNDONE = ("throttled", "unreachable", "moved", "refused", "lost path")
JSON = {"content-type": "application/json"}


@dataclass
class Weather:
    """What goes wrong, and how often. Ends with the faults."""

    rate: float
    kinds: tuple[str, ...]
    slow: float
    #: Vendors that are down.
    down: set[str] = field(default_factory=set)
    #: Vendors whose limits others use up.
    crowded: set[str] = field(default_factory=set)

    def fault(self, chance: random.Random, vendor: str) -> str | None:
        """What goes wrong with the next call, if anything does."""
        if vendor in self.down:
            return chance.choice(("unreachable", "failed"))
        if vendor in self.crowded:
            return "throttled"
        if self.kinds and chance.random() < self.rate:
            return chance.choice(self.kinds)
        return None


def after_in(chance: random.Random, seconds: int, now: datetime) -> str:
    """`Retry-After` in one of its two forms [RFC 9110]."""
    if chance.random() < 0.5:
        return str(seconds)
    return format_datetime((now + timedelta(seconds=seconds)).astimezone(UTC), usegmt=True)


def answer_in(chance: random.Random, fault: str | None, served: Response | None, now: datetime) -> Response:
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
                headers["retry-after"] = after_in(chance, chance.randint(1, 90), now)
            body = b'{"result":false,"errorCode":"GU_2400","errorDesc":"Too many request","data":null}'
            return Response(429, headers, body)
        case "failed":
            headers = {"retry-after": after_in(chance, 7, now)} if chance.random() < 0.2 else {}
            return Response(chance.choice((500, 502, 503, 504)), headers, b"<html>oops</html>")
        case "moved":
            return Response(302, {"location": "https://elsewhere.example/login"}, b"")
        case "refused":
            body = b'{"result":false,"errorCode":"GS_APIG_2402","errorDesc":"Unauthorized","data":null}'
            return Response(chance.choice((401, 403)), JSON, body)
        case "lost path":
            return Response(404, {"content-type": "text/html"}, b"<html>Not found</html>")
        case "internal":
            body = b'{"result":false,"errorCode":"GU_1101","errorDesc":"Internal error","data":null}'
            return Response(500, JSON, body)
        case "page":
            return Response(200, {"content-type": "text/html"}, b"<html>Sign in</html>")
        case "empty" if served is not None and served.status < 300:
            return Response(200, JSON, b"")
        case "halved":
            body = served.body[: len(served.body) // 2] if served else b'{"result":tr'
            return Response(200, JSON, body or b"{")
    assert served is not None
    return served
