"""`mode: segment_push`: whole messages to the address where PX takes Segment's.

Known from the vendor's own action for Segment [seen in clients]; Gainsight does not document it for others.
"""

from base64 import b64encode

import msgspec

from gainstage.destination import Exchange, Request, Response, Settled, Work, outcome_of_status
from gainstage.destinations.gainsight_px.api import has_api_error, is_page, reason
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.outcome import Delivered, Outcome, Rejected, Retry

PUSH_PATH = "/rte/segmentio/v1/push"


def push(settings: PxSettings, work: Work, index: int) -> Exchange:
    """One message, one call. Whether PX tells repeats by `messageId` is not known."""
    response = yield push_request(settings, msgspec.json.encode(work.fields), (index,), repeatable=False)
    assert response is not None
    yield Settled(index, read_push(response) or Delivered())


def push_request(
    settings: PxSettings,
    content: bytes,
    works: tuple[int, ...] = (),
    *,
    repeatable: bool = True,
    address: str | None = None,
) -> Request:
    """HTTP Basic: the tag key as the user's name, no password [seen in clients]."""
    credentials = b64encode(f"{settings.product_tag_key[0]}:".encode()).decode()
    headers = {
        "Authorization": f"Basic {credentials}",
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    url = (address or settings.push_address) + PUSH_PATH
    return Request("POST", url, headers, content, works, repeatable, ("Authorization",))


def read_push(response: Response) -> Outcome | None:
    """What an answer means; None for success, which is a JSON object, mostly `{}` [seen in clients]."""
    if response.status == 403 and is_page(response):
        return Retry("vendor_error", "HTTP 403 with a page: the edge in front of PX refused the request.")
    failure = outcome_of_status(response, reason(response))
    if failure is not None:
        return failure
    body = response.json()
    if not isinstance(body, dict):
        told = f"HTTP {response.status} with a body that is no JSON object."
        return Retry("answer_unreadable", told)
    if has_api_error(response) or body.get("error"):
        return Rejected("refused", f"HTTP {response.status}, but it says: {reason(response)}")
    return None
