"""The clickstream endpoint: one message a call, and what its answers mean.

Vendor facts come from the code and tests of Segment's own client [C]; no Gainsight page documents the answer.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from gainstage.destination import (
    Check,
    Exchange,
    Finding,
    Request,
    Response,
    Settled,
    Work,
    conceal,
    outcome_of_status,
)
from gainstage.destinations.gainsight.settings import ClickstreamSettings
from gainstage.outcome import Blocked, Delivered, Outcome, Rejected, Retry

PATH = "/clickstream/segmentio/event"
KEY_HEADER = "accessKey"
SAID_CHARACTERS = 300

#: Keys under which a JSON answer states its verdict; without one of them, its first key does.
VERDICTS = ("result", "success", "ok")
KEY_WORDS = ("access key", "accesskey", "unauthor", "gs_apig_", "gsobj_1024")


def exchange(settings: ClickstreamSettings, works: Sequence[Work]) -> Exchange:
    """Send each message by a call of its own. The endpoint knows no key to tell repeats by."""
    for index, work in enumerate(works):
        response = yield post(settings, work.fields, index)
        assert response is not None
        yield Settled(index, read_answer(settings, response))


def post(settings: ClickstreamSettings, message: dict[str, Any], index: int) -> Request:
    """POST of a complete Segment message, header `accessKey` [C]."""
    return Request(
        "POST",
        settings.address + PATH,
        {
            KEY_HEADER: settings.access_key.get_secret_value(),
            "Content-Type": "application/json",
            "Accept": "application/json",
        },
        msgspec.json.encode(message),
        works=(index,),
        repeatable=False,
        secret_headers=(KEY_HEADER,),
    )


def read_answer(settings: ClickstreamSettings, response: Response) -> Outcome:
    """The status decides, and the body where it can be read.

    Segment's released client looks at the status only; an earlier one read a JSON object and took a false or
    missing value of its first key as a refusal that came with 200 [C]. So: a JSON object that says no is a
    refusal; an HTML page or an object that is cut off is no answer of this endpoint; anything else with 2xx
    (an empty body, a word) counts as taken.
    """
    text = response.body.decode(errors="replace").strip()[:SAID_CHARACTERS]
    said = conceal(text, [settings.access_key.get_secret_value()])  # an answer may quote the key
    if 400 <= response.status < 500 and any(word in said.lower() for word in KEY_WORDS):
        return Blocked("credentials_refused", f"HTTP {response.status}: {said}")
    failure = outcome_of_status(response, said)
    if failure is not None:
        return failure
    body = response.json()
    if isinstance(body, dict):
        if body.get("errorCode") or body.get("error"):
            return Rejected("refused", f"HTTP {response.status}, but it says: {said}")
        verdict = next((body[key] for key in VERDICTS if key in body), next(iter(body.values()), None))
        if not body or verdict is None:
            return Retry("answer_unreadable", f"HTTP {response.status} with a verdict missing: {said}")
        return Delivered() if verdict else Rejected("refused", f"HTTP {response.status}, but it says: {said}")
    if body is None and said.startswith(("<", "{", "[")):
        return Retry("answer_unreadable", f"HTTP {response.status} with a body that is no JSON: {said}")
    return Delivered()


def check(settings: ClickstreamSettings) -> Check:
    """There is no call that reads only: nothing is sent."""
    sentence = (
        "This endpoint has no call that only reads: whether the access key is valid cannot be known without "
        "writing; it shows with the first event."
    )
    yield Finding("unknown", "access_key", sentence)


def pretend(request: Request) -> Response:
    """The endpoint takes everything."""
    return Response(200, {"content-type": "application/json"}, b'{"result":true}')
