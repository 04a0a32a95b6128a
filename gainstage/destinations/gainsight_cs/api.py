"""The conversation with Gainsight CS: which exchange serves which object, `check`, and the empty vendor."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from gainstage.destination import Check, Exchange, Finding, Request, Response, Settled, Work, unasked
from gainstage.destinations.gainsight_cs.answers import read_answer, rows
from gainstage.destinations.gainsight_cs.bulk import BULK_PATH, exchange_bulk
from gainstage.destinations.gainsight_cs.calls import COMPANY_PATH, EVENT_PATH, QUERY_PATH, object_request
from gainstage.destinations.gainsight_cs.companies import exchange_companies
from gainstage.destinations.gainsight_cs.events import exchange_events
from gainstage.destinations.gainsight_cs.people import exchange_people
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.outcome import Blocked, Delivered

#: A read that shows whether domain and access key are right.
ONE_COMPANY = {"select": ["Gsid", "Name"], "limit": 1, "offset": 0}
EXCHANGES = {"company": exchange_companies, "person": exchange_people, "event": exchange_events}


def exchange(settings: CsSettings, works: Sequence[Work]) -> Exchange:
    """Works of one object, by that object's rules. Several people come only where bulk was chosen."""
    if len(works) > 1 and works[0].record.object == "person":
        yield from exchange_bulk(settings, works)
    elif works:
        yield from EXCHANGES[works[0].record.object](settings, works)


def check(settings: CsSettings) -> Check:
    """Read one company: shows whether domain and access key are right."""
    if settings.access_key is None:
        yield Finding("warning", "access_key", "Not set: identify and group calls wait until it is.")
    else:
        response = yield object_request(settings, "POST", f"{QUERY_PATH}/Company", ONE_COMPANY, ())
        assert response is not None
        yield judge(settings, response)
    missing = [name for name in ("shared_secret", "tenant_id") if not getattr(settings, name)]
    for name in missing:
        yield Finding("warning", name, "Not set: track calls wait until it is.")
    if not missing:
        sentence = "Whether it is right shows with the first event: publishing is the only call that uses it."
        yield Finding("unknown", "shared_secret", sentence)


def canary(settings: CsSettings, works: Sequence[Work]) -> Exchange:
    """Read one company. Without an access key nothing can be read, and nothing is asked."""
    if settings.access_key is None:
        yield from unasked(works)
        return
    for index in range(len(works)):
        response = yield object_request(settings, "POST", f"{QUERY_PATH}/Company", ONE_COMPANY, (index,))
        assert response is not None
        found = rows(settings, response)
        yield Settled(index, Delivered() if isinstance(found, list) else found)


def judge(settings: CsSettings, response: Response) -> Finding:
    """What the answer to the read says of the settings."""
    if isinstance(rows(settings, response), list):
        return Finding("ok", "access_key", f"{called(settings)} accepts the access key.")
    outcome = read_answer(settings, response)
    detail = getattr(outcome, "detail", "") or f"HTTP {response.status}"
    if isinstance(outcome, Blocked) and outcome.code == "credentials_refused":
        return Finding("error", "access_key", f"{called(settings)} refuses the access key: {detail}")
    name = "api_url" if settings.api_url else "domain"
    return Finding("error", name, f"What answers at {settings.address} is not Gainsight's API: {detail}")


def called(settings: CsSettings) -> str:
    """Who was asked: the tenant's host, unless another address is set in its place."""
    return f"{settings.api_url} (api_url, in place of {settings.host})" if settings.api_url else settings.host


def pretend(request: Request) -> Response:
    """An empty tenant: nothing is found, everything can be written."""
    path = re.sub(r"^https?://[^/]+", "", request.url).partition("?")[0]
    data: Any = None
    if path.startswith(QUERY_PATH):
        data = {"records": []}
    elif path == COMPANY_PATH:
        records = msgspec.json.decode(request.body)["records"]
        data = {
            "count": len(records),
            "errors": None,
            "records": [{"Gsid": f"<gsid of {r.get('Name', '')}>", **r} for r in records],
        }
    elif path == EVENT_PATH:
        data = {}
    elif path.startswith(BULK_PATH):
        data = {"statusId": "preview"} if request.method == "PUT" else {"status": "COMPLETED"}
    envelope = {"result": True, "errorCode": None, "errorDesc": None, "requestId": "preview", "data": data}
    return Response(200, {"content-type": "application/json"}, msgspec.json.encode(envelope))
