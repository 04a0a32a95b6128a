"""Requests to the PX REST API, and what its answers mean."""

import re
from collections.abc import Generator
from typing import Any
from urllib.parse import quote

import msgspec

from gainstage.destination import Request, Response, Settled, conceal, outcome_of_status
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.outcome import Blocked, Outcome, Rejected, Retry

KEY_HEADER = "X-APTRINSIC-API-KEY"
SAID_CHARACTERS = 300
PATHS = {"user": "/v1/users", "account": "/v1/accounts"}
ID_FIELDS = {"user": "identifyId", "account": "id"}

#: Ids that can stand in a path. The others, and those that are the names of paths themselves, travel in the
#: body, to `/update` [documented: for ids with special characters].
FIT_FOR_PATH = re.compile(r"[^/\\%?#;\x00-\x20\x7f]{1,200}")
PATH_NAMES = {"update", "delete", "denylist", ".", ".."}

Call = Generator[Request | Settled, Response | None, Response]


def path_of(start: str, identifier: str) -> str | None:
    """The path of a record; None where its id cannot stand in one."""
    fits = FIT_FOR_PATH.fullmatch(identifier) and identifier not in PATH_NAMES
    return f"{start}/{quote(identifier, safe='')}" if fits and identifier == identifier.strip() else None


def call(
    settings: PxSettings,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    index: int,
    repeatable: bool = True,
) -> Call:
    """One request with its answer."""
    content = b"" if body is None else msgspec.json.encode(body)
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
    headers = {KEY_HEADER: settings.key, "Accept": "application/json"}
    if content:
        headers["Content-Type"] = "application/json"
    url = (address or settings.address) + path
    return Request(method, url, headers, content, works, repeatable, (KEY_HEADER,))


def absent(response: Response) -> bool:
    """404 by the API itself; a page says that this is not the API."""
    return response.status == 404 and not is_page(response)


def told_absent(response: Response) -> bool:
    """404 in the words of the API, which nothing else on that host can have said."""
    return response.status == 404 and has_api_error(response)


def is_page(response: Response) -> bool:
    """Whether the body is HTML."""
    return response.body.lstrip()[:1] == b"<"


def read_answer(settings: PxSettings, response: Response) -> Outcome | None:
    """What an answer means; None for success.

    Documented are 201 for a create, 204 for an update. An empty body confirms with these only; a body that is
    there must be JSON and name no error.
    """
    said = conceal(reason(response), [settings.key])
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


def sub_errors(response: Response) -> list[dict[str, Any]]:
    """What an error of the API lists in detail."""
    body = response.json()
    error = body.get("externalapierror") if isinstance(body, dict) else None
    inner = error.get("subErrors") if isinstance(error, dict) else None
    return [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []


def reason(response: Response) -> str:
    """What PX gives as its reason: first sub-error, message, status, errorMessage, else the text."""
    body = response.json()
    told: Any = None
    if isinstance(body, dict):
        error = body.get("externalapierror")
        if isinstance(error, dict):
            listed = sub_errors(response)
            told = (listed[0].get("message") if listed else None) or error.get("message")
            told = told or error.get("status")
        told = told or body.get("errorMessage") or body.get("message")
    if not isinstance(told, str) or not told:
        told = response.body.decode(errors="replace").strip()
    return " ".join(told.split())[:SAID_CHARACTERS]


def pretend(request: Request) -> Response:
    """An empty PX: nothing to update, everything can be created, nobody is denied."""
    path = request.url.partition("://")[2].partition("/")[2]
    if path.startswith("rte/"):
        return Response(200, {"content-type": "application/json"}, b"{}")
    if request.method == "PUT" or path.startswith(("v1/users/", "v1/accounts/")):
        told = b'{"externalapierror":{"status":"NOT_FOUND","message":"not found"}}'
        return Response(404, {"content-type": "application/json"}, told)
    return Response(201 if request.method == "POST" else 200, {"content-type": "application/json"}, b"{}")
