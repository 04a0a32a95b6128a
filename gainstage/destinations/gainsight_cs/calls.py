"""The requests of the Gainsight CS API, and the generator that makes one."""

from collections.abc import Generator, Sequence
from typing import Any

import msgspec

from gainstage.destination import Request, Response, Settled
from gainstage.destinations.gainsight_cs.answers import rows
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.outcome import Outcome
from gainstage.setting import Secret

COMPANY_PATH = "/v1/data/objects/Company"
QUERY_PATH = "/v1/data/objects/query"
EVENT_PATH = "/v1.0/api/eventManager/event"
#: Rows of one read [documented].
READ_ROWS = 5000

Call = Generator[Request | Settled, Response | None, Response]
Read = Generator[Request | Settled, Response | None, list[dict[str, Any]] | Outcome]


def make(request: Request) -> Call:
    """One request with its answer."""
    response = yield request
    assert response is not None
    return response


def reveal(secret: Secret | None) -> str:
    """A secret for a header. Plans park events whose secret is not set."""
    return secret.get_secret_value() if secret is not None else ""


def object_request(
    settings: CsSettings, method: str, path: str, body: Any, works: Sequence[int], *, repeatable: bool = True
) -> Request:
    """Header `Accesskey`. Without `Accept`, errors may come as a page with HTTP 200 [seen in clients]."""
    return Request(
        method,
        settings.address + path,
        {
            "Accesskey": reveal(settings.access_key),
            "Content-Type": "application/json",
            "Accept": "application/json",
        },
        msgspec.json.encode(body),
        works=tuple(works),
        repeatable=repeatable,
        asks=path.startswith(QUERY_PATH),
        secret_headers=("Accesskey",),
    )


def event_request(settings: CsSettings, headers: dict[str, str], body: Any, work: int) -> Request:
    """Headers by the Events API page [documented]; `topicName` and `Accesskey` are seen in clients."""
    secrets = {"sharedSecret": reveal(settings.shared_secret)}
    if settings.access_key is not None:
        secrets["Accesskey"] = reveal(settings.access_key)
    common = {
        "tenantId": settings.tenant_id,
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    return Request(
        "POST",
        settings.address + EVENT_PATH,
        {**common, **secrets, **headers},
        msgspec.json.encode(body),
        works=(work,),
        repeatable=False,
        secret_headers=tuple(secrets),
    )


def query_body(
    select: Sequence[str], field: str, values: Sequence[str], limit: int = READ_ROWS
) -> dict[str, Any]:
    """A read of the rows whose field is one of the values [documented]."""
    condition = {"name": field, "alias": "A", "operator": "IN", "value": list(values)}
    where = {"conditions": [condition], "expression": "A"}
    return {"select": list(select), "where": where, "limit": limit, "offset": 0}


def read(
    settings: CsSettings,
    object_name: str,
    select: Sequence[str],
    field: str,
    values: Sequence[str],
    works: Sequence[int],
) -> Read:
    """The rows whose field is one of the values. A full answer may hide some: then each half is asked for."""
    body = query_body(select, field, values)
    response = yield from make(object_request(settings, "POST", f"{QUERY_PATH}/{object_name}", body, works))
    found = rows(settings, response)
    if isinstance(found, list) and len(found) >= READ_ROWS and len(values) > 1:
        middle = len(values) // 2
        for half in (values[:middle], values[middle:]):
            more = yield from read(settings, object_name, select, field, half, works)
            if not isinstance(more, list):
                return more
            found.extend(more)
    return found
