"""The HTTP shape of the PX REST API: users, accounts, custom events, attributes."""

from __future__ import annotations

from typing import Any

from gainstage_sandbox.calls import Answer, Call, Route, UnreadableError, html_answer, json_answer
from gainstage_sandbox.px_fields import SHAPES
from gainstage_sandbox.px_listing import list_page
from gainstage_sandbox.px_model import PxRefusalError
from gainstage_sandbox.state import State


def px_failure(status: int, word: str, message: str, wrong: dict[str, str] | None = None) -> Answer:
    errors = [{"field": name, "message": f"{name} {what}"} for name, what in (wrong or {}).items()]
    body = {"status": word, "message": message, "debugMessage": None, "subErrors": errors or None}
    return json_answer(status, {"externalapierror": body})


def px_auth_failure(form: str) -> Answer:
    """A refused credential, in the form that the switch px_auth_refusal names."""
    sentence = "Authentication failed in loginAwareAuthentication"
    if form == "401_text":
        return Answer(401, sentence.encode(), "text/plain; charset=utf-8")
    if form == "403_html":
        return html_answer(403, "403 Forbidden", "The request was blocked.")
    return json_answer(401, {"errorMessage": sentence})


def px_too_many_requests() -> Answer:
    return px_failure(429, "TOO_MANY_REQUESTS", "Rate limit exceeded")


def answer_px_refusal(refusal: PxRefusalError) -> Answer:
    return px_failure(refusal.status, refusal.word, refusal.message, dict(refusal.wrong))


def answer_px_unreadable(error: UnreadableError) -> Answer:
    return px_failure(400, "BAD_REQUEST", str(error))


def _create(kind: str) -> Any:
    def create(state: State, call: Call) -> Answer:
        record = state.px.create(kind, call.json_object(), call.now)
        return json_answer(201, {SHAPES[kind].id: record[SHAPES[kind].id]})

    return create


def _update(kind: str) -> Any:
    def update(state: State, call: Call) -> Answer:
        state.px.update(kind, call.params["id"], call.json_object(), call.now)
        return Answer(204)

    return update


def _update_by_body(kind: str) -> Any:
    def update_by_body(state: State, call: Call) -> Answer:
        body = call.json_object()
        state.px.update(kind, _id_in(kind, body), body, call.now)
        return Answer(204)

    return update_by_body


def _read(kind: str) -> Any:
    def read(state: State, call: Call) -> Answer:
        return json_answer(200, state.px.read(kind, call.params["id"]))

    return read


def _list(kind: str) -> Any:
    def list_records(state: State, call: Call) -> Answer:
        title = f"{kind}s"
        return json_answer(200, list_page(state.px.read_all(kind), call.query, title))

    return list_records


def _delete(kind: str) -> Any:
    def delete(state: State, call: Call) -> Answer:
        state.px.delete(kind, call.params["id"], call.now, hard=_is_hard(call))
        return Answer(204)

    return delete


def _delete_by_body(kind: str) -> Any:
    def delete_by_body(state: State, call: Call) -> Answer:
        state.px.delete(kind, _id_in(kind, call.json_object()), call.now, hard=_is_hard(call))
        return Answer(204)

    return delete_by_body


def _attributes(kind: str) -> Any:
    def list_attributes(state: State, _: Call) -> Answer:
        listed, form = state.px.list_attributes(kind), state.behaviour.word("px_attribute_list")
        return json_answer(200, listed if form == "list" else {form: listed})

    return list_attributes


def get_denied(state: State, call: Call) -> Answer:
    return json_answer(200, {"denied": state.px.is_denied(call.params["id"])})


def put_denied(state: State, call: Call) -> Answer:
    state.px.deny(call.params["id"], call.json_object().get("denied"))
    return Answer(204)


def post_event(state: State, call: Call) -> Answer:
    state.px.track(call.json_object(), call.now)
    return Answer(201)


def _is_hard(call: Call) -> bool:
    return call.query.get("hardDelete", "").lower() == "true"


def _id_in(kind: str, body: dict[str, Any]) -> str:
    found = body.get(SHAPES[kind].id, body.get("id"))
    if not isinstance(found, str) or not found:
        raise PxRefusalError(400, "BAD_REQUEST", f"{SHAPES[kind].id} is required")
    return found


def _route(method: str, template: str, handler: Any) -> Route:
    return Route("px", method, template, handler, login="px", family="px")


def _record_routes(kind: str) -> tuple[Route, ...]:
    path = f"/v1/{kind}s"
    return (
        _route("PUT", f"{path}/update", _update_by_body(kind)),
        _route("DELETE", f"{path}/delete", _delete_by_body(kind)),
        _route("PUT", path + "/{id}", _update(kind)),
        _route("POST", path, _create(kind)),
        _route("GET", path + "/{id}", _read(kind)),
        _route("GET", path, _list(kind)),
        _route("DELETE", path + "/{id}", _delete(kind)),
    )


PX_ROUTES = (
    _route("POST", "/v1/events/custom", post_event),
    _route("GET", "/v1/users/denylist/{id}", get_denied),
    _route("PUT", "/v1/users/denylist/{id}", put_denied),
    *_record_routes("user"),
    *_record_routes("account"),
    _route("GET", "/v1/admin/model/user/attributes", _attributes("user")),
    _route("GET", "/v1/admin/model/account/attributes", _attributes("account")),
)
