"""The PX REST API: its requests, what its answers mean, and how records are created and updated."""

import re
from collections.abc import Generator, Sequence
from typing import Any
from urllib.parse import quote

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
from gainstage.destinations.gainsight_px.settings import REGIONS, PxSettings
from gainstage.outcome import Blocked, Delivered, Outcome, Rejected, Retry

KEY_HEADER = "X-APTRINSIC-API-KEY"
SAID_CHARACTERS = 300
PATHS = {"user": "/v1/users", "account": "/v1/accounts"}
ID_FIELDS = {"user": "identifyId", "account": "id"}

#: Ids that can stand in a path. The others, and those that are the names of paths themselves, travel in the
#: body, to `/update` [documented: for ids with special characters].
FIT_FOR_PATH = re.compile(r"[^/\\%?#;\x00-\x20\x7f]{1,200}")
PATH_NAMES = {"update", "delete", "denylist", ".", ".."}

Call = Generator[Request | Settled, Response | None, Response]


def exchange(settings: PxSettings, works: Sequence[Work]) -> Exchange:
    """One record or event after the other: PX has no batch [documented]."""
    for index, work in enumerate(works):
        if work.kind == "append":
            response = yield from call(settings, "POST", "/v1/events/custom", work.fields, index, False)
            yield Settled(index, read_answer(settings, response) or Delivered())
        else:
            yield from upsert(settings, work, index)


def upsert(settings: PxSettings, work: Work, index: int) -> Exchange:
    """Update; create what is absent; a refused create may have met a twin made meanwhile: update again.

    PUT of an absent record is 404, POST of one that exists is 400 ("possible duplicate", text unknown)
    [documented]. One client takes 400 for the answer to a PUT of an absent record [contradicts the
    specification]: so a record never seen is tried by POST then, too. All three are safe to repeat.
    """
    response = yield from update(settings, work, index)
    outcome = read_answer(settings, response)
    if absent(response):
        response = yield from create(settings, work, index)
        outcome = read_answer(settings, response)
        if response.status == 400:
            refusal = outcome
            response = yield from update(settings, work, index)
            outcome = refusal if absent(response) else read_answer(settings, response)
    elif isinstance(outcome, Rejected) and response.status == 400 and not work.facts.get("exists"):
        response = yield from create(settings, work, index)
        refusal = read_answer(settings, response)
        if isinstance(refusal, Rejected):
            outcome = Rejected("refused", f"Update: {outcome.detail} Create: {refusal.detail}")
        else:
            outcome = refusal
    if outcome is None:
        yield Settled(index, Delivered(), {"exists": True})
    else:
        yield Settled(index, outcome)


def update(settings: PxSettings, work: Work, index: int) -> Call:
    """PUT of the changed fields: an update is a merge [seen in clients, which send single fields]."""
    kind, identifier = work.record.object, work.record.key.removeprefix("id:")
    body = nested(work.fields, work.known)
    body.pop(ID_FIELDS[kind], None)
    # Required by the specification; not by the service that clients see. With them both are content.
    body.setdefault("propertyKeys", list(settings.product_tag_key))
    path = f"{PATHS[kind]}/update"
    if (
        FIT_FOR_PATH.fullmatch(identifier)
        and identifier not in PATH_NAMES
        and identifier == identifier.strip()
    ):
        path = f"{PATHS[kind]}/{quote(identifier, safe='')}"
    if path.endswith("/update"):
        body = {ID_FIELDS[kind]: identifier, **body}
    response = yield from call(settings, "PUT", path, body, index)
    return response


def create(settings: PxSettings, work: Work, index: int) -> Call:
    """POST of all that is known, and of what the specification requires of a new record [documented]."""
    kind, identifier = work.record.object, work.record.key.removeprefix("id:")
    known = {**work.known, **work.fields, ID_FIELDS[kind]: identifier}
    known.setdefault("propertyKeys", list(settings.product_tag_key))
    if kind == "account":
        known.setdefault("name", identifier)
    else:
        known.setdefault("type", "USER")
        if "signUpDate" not in known and "createDate" not in known:
            known["signUpDate"] = work.time_us // 1000
    response = yield from call(settings, "POST", PATHS[kind], nested(known, known), index)
    return response


def nested(fields: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Fields such as `location.city` as objects.

    An object goes with every value that is known of it: whether PX merges into objects or replaces them is
    not documented, and so both end the same.
    """
    objects = {name.partition(".")[0] for name in fields if is_inner(name)}
    whole = {name: value for name, value in known.items() if name.partition(".")[0] in objects}
    body: dict[str, Any] = {}
    for name, value in {**whole, **fields}.items():
        outer, _, inner = name.partition(".")
        if not is_inner(name):
            body[name] = value
        elif inner.startswith("coordinates.") and outer == "location":
            body.setdefault(outer, {}).setdefault("coordinates", {})[inner.partition(".")[2]] = value
        else:
            body.setdefault(outer, {})[inner] = value
    return body


def is_inner(name: str) -> bool:
    """Whether a field belongs to one of the two objects of a record."""
    return name.startswith(("location.", "customAttributes."))


def call(
    settings: PxSettings, method: str, path: str, body: dict[str, Any], index: int, repeatable: bool = True
) -> Call:
    """One request with its answer."""
    content = msgspec.json.encode(body)
    response = yield request(settings, method, path, content, (index,), repeatable)
    assert response is not None
    return response


def request(
    settings: PxSettings,
    method: str,
    path: str,
    content: bytes = b"",
    works: tuple[int, ...] = (),
    repeatable: bool = True,
    address: str | None = None,
) -> Request:
    """Header `X-APTRINSIC-API-KEY` [documented]."""
    headers = {KEY_HEADER: settings.api_key.get_secret_value(), "Accept": "application/json"}
    if content:
        headers["Content-Type"] = "application/json"
    url = (address or settings.address) + path
    return Request(method, url, headers, content, works, repeatable, (KEY_HEADER,))


def absent(response: Response) -> bool:
    """404 by the API itself; a page says that this is not the API."""
    return response.status == 404 and not is_page(response)


def is_page(response: Response) -> bool:
    """Whether the body is HTML."""
    return response.body.lstrip()[:1] == b"<"


def read_answer(settings: PxSettings, response: Response) -> Outcome | None:
    """What an answer means; None for success.

    Documented are 201 for a create, 204 for an update. An empty body confirms with these only; a body that is
    there must be JSON and name no error.
    """
    said = conceal(reason(response), [settings.api_key.get_secret_value()])
    if response.status == 403 and is_page(response):
        # Seen in clients: the edge answers so, to single requests and for a while.
        return Retry("vendor_error", "HTTP 403 with a page: the edge in front of PX refused the request.")
    if response.status == 404 and has_api_error(response):
        return Rejected("refused", f"HTTP 404: {said}")
    if 400 <= response.status < 500 and "Authentication failed" in said:
        return Blocked("credentials_refused", f"HTTP {response.status}: {said}")
    failure = outcome_of_status(response, said)
    if failure is not None:
        return failure
    told = f"HTTP {response.status} with a body that confirms nothing."
    if not response.body.strip():
        return None if response.status in (201, 204) else Retry("answer_unreadable", told)
    if has_api_error(response):
        return Rejected("refused", f"HTTP {response.status}: {said}")
    return None if isinstance(response.json(), dict) else Retry("answer_unreadable", told)


def has_api_error(response: Response) -> bool:
    """Whether the body is one of the API's own errors [seen in clients]."""
    body = response.json()
    return isinstance(body, dict) and bool(body.get("externalapierror") or body.get("errorMessage"))


def reason(response: Response) -> str:
    """What PX gives as its reason: first sub-error, message, status, errorMessage, else the text itself."""
    body = response.json()
    told: Any = None
    if isinstance(body, dict):
        error = body.get("externalapierror")
        if isinstance(error, dict):
            inner = error.get("subErrors")
            first = inner[0] if isinstance(inner, list) and inner else None
            told = (first.get("message") if isinstance(first, dict) else None) or error.get("message")
            told = told or error.get("status")
        told = told or body.get("errorMessage")
    if not isinstance(told, str) or not told:
        told = response.body.decode(errors="replace").strip()
    return " ".join(told.split())[:SAID_CHARACTERS]


def check(settings: PxSettings) -> Check:
    """List one user: shows whether region and key fit, and that the key may read."""
    path = "/v1/users?pageSize=1"
    response = yield request(settings, "GET", path)
    assert response is not None
    if response.status == 200 and isinstance(response.json(), dict):
        yield Finding("ok", "api_key", f"The API key is accepted by the data center {settings.data_center}.")
        yield Finding(
            "ok", "", "Whether the key may write, and the tag key is right, shows with the first event."
        )
        return
    outcome = read_answer(settings, response)
    if not isinstance(outcome, Blocked):
        told = getattr(outcome, "detail", "") or f"HTTP {response.status}"
        yield Finding("error", "data_center", f"Gainsight PX does not answer as expected: {told}")
        return
    if outcome.code == "host_refused":
        name = "api_url" if settings.api_url else "data_center"
        yield Finding("error", name, f"What answers there is not the Gainsight PX API: {outcome.detail}")
        return
    yield Finding("error", "api_key", f"Gainsight PX refuses the API key: {outcome.detail}")
    if settings.api_url is None:
        yield from look_elsewhere(settings, path)


def look_elsewhere(settings: PxSettings, path: str) -> Check:
    """Whether another data center accepts the key."""
    for region, address in REGIONS.items():
        if region != settings.data_center:
            response = yield request(settings, "GET", path, address=address)
            assert response is not None
            if response.status == 200 and isinstance(response.json(), dict):
                sentence = f"The data center {region} accepts this key: set `data_center` to {region}."
                yield Finding("error", "data_center", sentence)


def pretend(request: Request) -> Response:
    """An empty PX: nothing to update, everything can be created."""
    if request.method == "PUT":
        told = b'{"externalapierror":{"status":"NOT_FOUND","message":"not found"}}'
        return Response(404, {"content-type": "application/json"}, told)
    return Response(201 if request.method == "POST" else 200, {"content-type": "application/json"}, b"{}")
