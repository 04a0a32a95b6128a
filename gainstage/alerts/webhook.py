"""What is posted to a webhook, and its signature. Pure.

The signature is HMAC-SHA256 of the time, a dot and the body, so that its reader can tell who sent it and
refuse what somebody recorded and sent again later.
"""

import hashlib
import hmac
from typing import Any

import msgspec

from gainstage import __version__
from gainstage.alerts.announcing import News
from gainstage.clock import SECOND_US
from gainstage.destination import Request
from gainstage.operating import Alerts

SIGNATURE = "Gainstage-Signature"
LONGEST_RETRY_SECONDS = 300.0


def message(news: News, server: str) -> dict[str, Any]:
    """The document that is posted. `text` is what chat programs show."""
    row, condition, ended = news.row, news.condition, news.ended
    text = f"gainstage on {server}: {'over: ' if ended else ''}{condition.sentence}"
    return {
        "id": f"{row.key} {row.begun_us}",
        "state": "ended" if ended else "begun",
        "alert": condition.alert,
        "subject": condition.subject,
        "text": text,
        "server": server,
        "begun_at": row.begun_us // SECOND_US,
        "ended_at": row.ended_us // SECOND_US if ended and row.ended_us is not None else None,
    }


def request(news: News, settings: Alerts, server: str, now_us: int) -> Request:
    """The call that tells it. There must be a webhook."""
    assert settings.webhook is not None
    body = msgspec.json.encode(message(news, server))
    headers = {"Content-Type": "application/json", "User-Agent": f"gainstage/{__version__}"}
    if settings.secret is not None:
        headers[SIGNATURE] = signature(settings.secret, now_us // SECOND_US, body)
    return Request("POST", settings.webhook, headers, body)


def signature(secret: str, at_seconds: int, body: bytes) -> str:
    """`t=<seconds>,v1=<hex>`."""
    signed = hmac.new(secret.encode(), b"%d.%s" % (at_seconds, body), hashlib.sha256).hexdigest()
    return f"t={at_seconds},v1={signed}"


def retry_seconds(failures: int) -> float:
    """How long to wait after so many failures in a row."""
    return float(min(LONGEST_RETRY_SECONDS, 2 ** min(failures - 1, 20)))
