"""One request to a vendor's API, from routing to answer: credentials, limits, handler, refusals."""

from __future__ import annotations

from gainstage_sandbox.calls import Answer, Call, Route, UnreadableError, find_route, html_answer
from gainstage_sandbox.clickstream import CLICKSTREAM_ROUTES, clickstream_failure
from gainstage_sandbox.cs_envelope import failure, page_instead, server_failure, too_many_requests
from gainstage_sandbox.cs_errors import RefusalError
from gainstage_sandbox.cs_responses import CS_ROUTES, answer_refusal, answer_unreadable
from gainstage_sandbox.logins import LOGINS
from gainstage_sandbox.px_model import PxRefusalError
from gainstage_sandbox.px_push import PUSH_ROUTES
from gainstage_sandbox.px_responses import (
    PX_ROUTES,
    answer_px_refusal,
    answer_px_unreadable,
    px_failure,
    px_too_many_requests,
)
from gainstage_sandbox.state import State

ROUTES: tuple[Route, ...] = (*CS_ROUTES, *PX_ROUTES, *PUSH_ROUTES, *CLICKSTREAM_ROUTES)
UNKNOWN = "unknown"
_PREFIXES = {
    "/v1.0/": "cs",
    "/v1/data/": "cs",
    "/v1/meta/": "cs",
    "/v1/peoplemgmt/": "cs",
    "/v1/api/": "cs",
    "/v1/users": "px",
    "/v1/accounts": "px",
    "/v1/events": "px",
    "/v1/admin/": "px",
    "/rte/": "px",
    "/clickstream/": "clickstream",
}


def route_of(method: str, raw_path: str) -> tuple[str, Route | None, dict[str, str]]:
    """The API, the route if the path is known, and the path's parameters."""
    found = find_route(ROUTES, method, raw_path)
    if found is not None:
        return found[0].api, *found
    for prefix, api in _PREFIXES.items():
        if raw_path.startswith(prefix):
            return api, None, {}
    return UNKNOWN, None, {}


def answer(state: State, api: str, route: Route | None, call: Call) -> Answer:
    """What the vendor says; the state has changed when it says yes."""
    made = _answer(state, api, route, call)
    if api != "cs":
        return made
    if state.behaviour.word("cs_html_errors") == "on":
        return page_instead(call, made)
    if made.status == 400 and state.behaviour.word("cs_failure_status") == "200":
        made.status = 200
    return made


def _answer(state: State, api: str, route: Route | None, call: Call) -> Answer:
    if len(call.body) > state.limits.max_body_bytes:
        return html_answer(413, "413 Request Entity Too Large", "The body is too large.")
    if route is None:
        return _no_such_path(api)
    if route.method != call.method:
        return _wrong_method(api)
    account = LOGINS[route.login](state, call)
    if isinstance(account, Answer):
        return account
    wait = _count(state, route, account, call)
    if wait is not None:
        return _over_limit(state, api, route, wait)
    try:
        if api == "cs":
            state.people.settle(call.now)
        return route.handler(state, call)
    except RefusalError as refusal:
        return answer_refusal(state, refusal)
    except PxRefusalError as px_refusal:
        return answer_px_refusal(px_refusal)
    except UnreadableError as unreadable:
        return _unreadable(state, api, unreadable)


def default_answer(api: str, status: int) -> Answer:
    """What an injected status looks like when the rule gives no answer of its own."""
    if 200 <= status < 400:
        return Answer(status)
    if status == 429:
        return px_too_many_requests() if api == "px" else too_many_requests()
    if api == "cs":
        return server_failure(status) if status >= 500 else failure(status, None, "Injected failure")
    if api == "px":
        return px_failure(status, f"STATUS_{status}", "Injected failure")
    return clickstream_failure(status, "Injected failure")


def _count(state: State, route: Route, account: str, call: Call) -> int | None:
    """Take the call off the account's quota; the seconds to wait when there is none left."""
    family = route.family
    if family == "cs_async" and state.behaviour.word("cs_async_quota") == "free":
        family = "cs"
    if family == "cs_status":
        family = "cs" if state.behaviour.word("cs_async_status_quota") == "sync" else "none"
    if family == "none":
        return None
    scope = state.limits.choices["scope"]
    counted = {"key": account, "host": call.header("host"), "all": "all"}[scope]
    return state.limits.take(family, counted, call.now)


def _over_limit(state: State, api: str, route: Route, wait: int) -> Answer:
    made = default_answer(api, 429)
    if route.family == "cs_async":
        made.status = int(state.behaviour.word("cs_async_over_limit"))
    if state.limits.retry_after:
        made.headers["Retry-After"] = str(wait)
    return made


def _no_such_path(api: str) -> Answer:
    if api == "cs":
        return failure(404, "GSOBJ_1023", "Invalid API path")
    if api == "px":
        return px_failure(404, "NOT_FOUND", "No such resource")
    return html_answer(404, "404 Not Found", "There is nothing here.")


def _wrong_method(api: str) -> Answer:
    if api == "cs":
        return failure(405, "GSOBJ_1023", "Invalid API path")
    if api == "px":
        return px_failure(405, "METHOD_NOT_ALLOWED", "Method not allowed")
    return html_answer(405, "405 Method Not Allowed", "This method is not allowed here.")


def _unreadable(state: State, api: str, error: UnreadableError) -> Answer:
    if api == "cs":
        return answer_unreadable(state, error)
    if api == "px":
        return answer_px_unreadable(error)
    return clickstream_failure(400, str(error))
