"""What goes wrong between us and the vendors."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from gainstage.destination import CallFailed, Response

CALL_SECONDS = 15.0
FAULTS = (
    "throttled", "failed", "timeout", "unreachable", "cut", "page", "empty", "halved", "moved", "refused",
    "lost path", "internal", "edge", "accepted", "no content",
)  # fmt: skip
#: What the vendor answers without having done anything, and what it answers only when it has.
UNDONE = ("throttled", "unreachable", "moved", "refused", "lost path", "edge")
DONE = ("empty", "accepted", "no content")
JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html"}
#: What vendors ask for with Retry-After, in seconds: also more than anybody waits.
SOON, LATE = (0, 2, 7, 30, 90, 240), (600, 7_200, 200_000)
#: Of its code alone, whatever the status, a vendor is understood where that is documented: by Gainsight CS.
CODED = (200, 400)


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


def asking(chance: random.Random, now: datetime) -> dict[str, str]:
    """`Retry-After` in one of its two forms [RFC 9110]; at times in one that says nothing."""
    kind = chance.random()
    if kind < 0.1:
        return {"retry-after": chance.choice(("soon", "-5", "1.5", ""))}
    seconds = chance.choice(SOON if kind < 0.9 else LATE)
    if chance.random() < 0.5:
        return {"retry-after": str(seconds)}
    at = (now + timedelta(seconds=seconds)).astimezone(UTC)
    return {"retry-after": format_datetime(at, usegmt=True)}


def asked_seconds(response: Response, now: datetime) -> float | None:
    """For how long an answer asks us to stay away, if it does."""
    value = response.headers.get("retry-after", "")
    if value.isdigit():
        return float(value)
    try:
        at = datetime.strptime(value, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    return (at - now).total_seconds()


def answer_in(
    chance: random.Random, fault: str | None, vendor: str, served: Response | None, now: datetime
) -> Response:
    """What comes back of a call, `served` being the vendor's own answer where it did what was asked."""
    match fault:
        case "unreachable":
            raise CallFailed("unreachable", "Nobody there.", sent=False)
        case "timeout":
            raise CallFailed("timeout", "No answer.", sent=True)
        case "cut":
            raise CallFailed("unreachable", "The connection broke.", sent=True)
        case "throttled":
            headers = asking(chance, now) if chance.random() < 0.7 else {}
            return _coded(chance, vendor, (429,), "GU_2400", "Too many request", headers)
        case "failed":
            headers = asking(chance, now) if chance.random() < 0.5 else {}
            return Response(chance.choice((500, 502, 503, 503, 503, 504)), headers, b"<html>oops</html>")
        case "moved":
            status = chance.choice((301, 302, 307, 308))
            return Response(status, {"location": "https://elsewhere.example/login"}, b"")
        case "refused":
            return _unauthorized(chance, vendor)
        case "lost path":
            if vendor == "cs" and chance.random() < 0.5:
                return _envelope(chance.choice((404, 400)), "GSOBJ_1023", "Invalid API path", {})
            return Response(404, HTML, b"<html>Not found</html>")
        case "edge":  # what stands before the vendor
            status = chance.choice((403, 400)) if vendor == "cs" else 403
            return Response(status, HTML, b"<html>Request blocked</html>")
        case "internal":
            return _coded(chance, vendor, (500,), "GU_1101", "Internal error", {})
        case "page":
            return Response(200, HTML, b"<html>Sign in</html>")
        case "halved":
            body = served.body[: len(served.body) // 2] if served else b'{"result":tr'
            return Response(200, JSON, body or b"{")
    assert served is not None
    return _otherwise(fault, served)


def _otherwise(fault: str | None, served: Response) -> Response:
    """What was done, confirmed in another form than is documented."""
    if served.status >= 300 or b'"result": false' in served.body:
        return served
    match fault:
        case "empty":
            return Response(200, JSON, b"")
        case "accepted":
            return Response(202, served.headers, served.body)
        case "no content":
            return Response(204, JSON, b"")
    return served


def _unauthorized(chance: random.Random, vendor: str) -> Response:
    """Credentials are refused, in the vendor's words."""
    if vendor == "px" and chance.random() < 0.5:
        told = {"externalapierror": {"status": "BAD_REQUEST", "message": "Authentication failed"}}
        return Response(400, JSON, json.dumps(told).encode())
    if vendor != "px" and chance.random() < 0.3:
        return _envelope(400, "GSOBJ_1024", "Invalid access key", {})
    code = chance.choice(("GS_APIG_2401", "GS_APIG_2402"))
    return _envelope(chance.choice((401, 403)), code, "Unauthorized", {})


def _coded(
    chance: random.Random,
    vendor: str,
    statuses: tuple[int, ...],
    code: str,
    said: str,
    headers: dict[str, str],
) -> Response:
    """A complaint with a code; from Gainsight CS at times under another status."""
    others = CODED if vendor == "cs" and chance.random() < 0.25 else ()
    return _envelope(chance.choice(others or statuses), code, said, headers)


def _envelope(status: int, code: str, said: str, headers: dict[str, str]) -> Response:
    told: dict[str, Any] = {"result": False, "errorCode": code, "errorDesc": said, "data": None}
    return Response(status, {**JSON, **headers}, json.dumps(told).encode())
