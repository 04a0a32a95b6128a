"""The /__sandbox__/ endpoints: look at the state, change behaviour, limits and faults. JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gainstage_sandbox.behaviour import RefusedError
from gainstage_sandbox.calls import JSON_TYPE
from gainstage_sandbox.faults import APIS
from gainstage_sandbox.state import State
from gainstage_sandbox.vendors import UNKNOWN

Endpoint = Callable[[Request], Awaitable[Response]]


def control_routes(state: State) -> list[Route]:
    """Every endpoint, each answering RefusedError with 400 and its sentence."""
    return [
        Route(f"/__sandbox__/{path}", _guarded(state, handler), methods=[method])
        for method, path, handler in (
            ("GET", "state", _get_state),
            ("GET", "requests", _get_requests),
            ("GET", "requests/summary", _get_summary),
            ("POST", "reset", _post_reset),
            ("POST", "seed", _post_seed),
            ("GET", "faults", _get_faults),
            ("POST", "faults", _post_faults),
            ("DELETE", "faults", _delete_faults),
            ("GET", "limits", _get_limits),
            ("POST", "limits", _post_limits),
            ("GET", "behaviour", _get_behaviour),
            ("POST", "behaviour", _post_behaviour),
        )
    ]


def _guarded(state: State, handler: Callable[[State, Request, Any], Any]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return reply(handler(state, request, await _read(request)))
        except RefusedError as refused:
            return reply({"error": str(refused)}, 400)

    return endpoint


def reply(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type=JSON_TYPE)


async def _read(request: Request) -> Any:
    body = await request.body()
    if not body:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"The body is not valid JSON: {error}.") from error


def _object(body: Any, example: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise RefusedError(f"The body must be a JSON object such as {example}.")
    return body


def _get_state(state: State, _: Request, __: Any) -> Any:
    return state.snapshot()


def _get_requests(state: State, request: Request, _: Any) -> Any:
    api = request.query_params.get("api")
    if api is not None and api not in (*APIS, UNKNOWN):
        raise RefusedError(f"api is one of {', '.join(APIS)}, {UNKNOWN}; not {api!r}.")
    after = _count(request, "after", 0)
    limit = _count(request, "limit", 0)
    return [entry.view() for entry in state.journal.entries(after, api, limit or None)]


def _count(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise RefusedError(f"{name} is a whole number, not {text!r}.")
    return int(text)


def _get_summary(state: State, _: Request, __: Any) -> Any:
    return state.journal.summary()


def _post_reset(state: State, _: Request, body: Any) -> Any:
    wanted = {} if body is None else _object(body, '{"only": ["state"]}')
    if set(wanted) - {"only"}:
        raise RefusedError('A reset takes nothing but {"only": [...]}.')
    state.reset(wanted.get("only"))
    return {"reset": True}


def _post_seed(state: State, _: Request, body: Any) -> Any:
    state.seed(body)
    return {"seeded": True}


def _get_faults(state: State, _: Request, __: Any) -> Any:
    return state.faults.describe()


def _post_faults(state: State, _: Request, body: Any) -> Any:
    state.faults.add(body)
    return state.faults.describe()


def _delete_faults(state: State, _: Request, __: Any) -> Any:
    state.faults.reset()
    return []


def _get_limits(state: State, _: Request, __: Any) -> Any:
    shown = state.limits.describe(state.clock())
    shown["used"] = [{**meter, "account": _mask(meter["account"])} for meter in shown["used"]]
    return shown


def _post_limits(state: State, request: Request, body: Any) -> Any:
    state.limits.change(_object(body, '{"cs": {"per_minute": 20}}'))
    return _get_limits(state, request, None)


def _mask(account: str) -> str:
    """Enough of a key to tell accounts apart."""
    return account if len(account) <= 4 else f"{account[:2]}***{account[-2:]}"


def _get_behaviour(state: State, _: Request, __: Any) -> Any:
    return state.behaviour.describe()


def _post_behaviour(state: State, _: Request, body: Any) -> Any:
    state.behaviour.set(_object(body, '{"cs_read_shape": "records"}'))
    return state.behaviour.describe()
