"""Who calls: credentials of each API, and the account whose limits a call counts against."""

from __future__ import annotations

from collections.abc import Callable

from gainstage_sandbox.calls import Answer, Call
from gainstage_sandbox.clickstream import clickstream_failure, key_fits
from gainstage_sandbox.cs_envelope import auth_failure, failure
from gainstage_sandbox.px_push import push_auth_failure, tag_key_of
from gainstage_sandbox.px_responses import px_auth_failure, px_failure
from gainstage_sandbox.state import State

Login = Callable[[State, Call], str | Answer]
"""The account, or the answer that refuses the credential."""


def _cs(state: State, call: Call) -> str | Answer:
    key = call.header("accesskey")
    if key and state.behaviour.accepts(key, "cs_access_keys"):
        if len(state.access_keys) < 1000:
            state.access_keys.add(key)
        return key
    kind, _, token = call.header("authorization").partition(" ")
    if not key and kind.lower() == "bearer" and state.knows_token(token.strip(), call.now):
        return token.strip()
    return auth_failure(state.behaviour.word("cs_auth_refusal"))


def _cs_event(state: State, call: Call) -> str | Answer:
    """Events go with a shared secret; an access key beside it must be good as well."""
    secret, key = call.header("sharedsecret"), call.header("accesskey")
    if not secret:
        return failure(400, None, "Missing header: sharedSecret")
    good = state.behaviour.accepts(secret, "cs_shared_secrets")
    if not good or (key and not state.behaviour.accepts(key, "cs_access_keys")):
        return auth_failure(state.behaviour.word("cs_auth_refusal"))
    if key:
        return key
    if len(state.access_keys) == 1:
        return next(iter(state.access_keys))
    return call.header("tenantid")


def _px(state: State, call: Call) -> str | Answer:
    key = call.header("x-aptrinsic-api-key")
    if not state.behaviour.accepts(key, "px_api_keys") or not _known_here(state, call, key):
        return px_auth_failure(state.behaviour.word("px_auth_refusal"))
    lacking, permission = (
        ("px_write_only_keys", "Read") if call.method == "GET" else ("px_read_only_keys", "Write")
    )
    if state.behaviour.lists(lacking, key):
        return px_failure(403, "FORBIDDEN", f"The API key lacks the permission {permission}")
    return key


def _known_here(state: State, call: Call, key: str) -> bool:
    return state.behaviour.known_at(key, call.header("host"))


def _px_push(state: State, call: Call) -> str | Answer:
    key = tag_key_of(call)
    accepted = key.startswith("AP-") and state.behaviour.accepts(key, "px_tag_keys")
    if accepted and _known_here(state, call, key):
        return key
    return push_auth_failure(key)


def _clickstream(state: State, call: Call) -> str | Answer:
    key = call.header("accesskey")
    return key if key_fits(state, key) else clickstream_failure(401, "Unauthorized")


LOGINS: dict[str, Login] = {
    "cs": _cs,
    "cs_event": _cs_event,
    "px": _px,
    "px_push": _px_push,
    "clickstream": _clickstream,
    "none": lambda _state, _call: "",
}
