"""Whatever JSON comes in, the answer is the vendor's own, never a failure of the sandbox."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage_sandbox.calls import Call
from gainstage_sandbox.state import State
from gainstage_sandbox.vendors import answer, route_of
from tests.sandbox.vendor import CS, EVENT, PX, START

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def records(names: str) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(names.split()) | st.text(max_size=5), VALUES, max_size=5)


def batches(record: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lookups = st.dictionaries(st.just("Csm"), records("fields objectName lookupField onNoMatch"), max_size=1)
    return st.fixed_dictionaries(
        {"records": st.lists(record, max_size=3) | VALUES}, optional={"lookups": lookups}
    )


CONDITIONS = records("alias name operator value") | st.fixed_dictionaries(
    {
        "alias": st.just("A"),
        "name": st.sampled_from(["Name", "Employees", "RenewalDate"]),
        "operator": st.sampled_from(["EQ", "LT", "BTW", "IN", "CONTAINS", "INCLUDES"]),
        "value": VALUES,
    }
)
QUERIES = st.fixed_dictionaries(
    {"select": st.just(["Name"])},
    optional={
        "where": st.fixed_dictionaries({"conditions": st.lists(CONDITIONS, max_size=2)}) | VALUES,
        "orderBy": VALUES,
        "limit": VALUES,
        "offset": VALUES,
    },
)
COMPANY = records("Name Employees Arr RenewalDate SfdcAccountId Csm Industry X__gc")
PERSON = records("Email Name LinkedinUrl EmailOptOut MasterAvatarTypeCode companies associations lookups")
USER = records("identifyId propertyKeys email score location customAttributes signUpDate type id")
TRACK = records("eventName identifyId propertyKey userType date attributes eventId")
MESSAGE = records("type userId groupId event traits properties messageId timestamp")


@pytest.mark.parametrize(
    ("method", "path", "bodies"),
    [
        (
            "PUT",
            "/v1.0/api/people",
            PERSON | st.fixed_dictionaries({"Email": st.just("a@b.c"), "companies": VALUES}),
        ),
        ("PUT", "/v1/peoplemgmt/v1.0/people/async", batches(PERSON)),
        ("POST", "/v1/data/objects/Company", batches(COMPANY)),
        ("PUT", "/v1/data/objects/Company?keys=Name", batches(COMPANY)),
        ("PUT", "/v1/data/objects/Company?keys=X__gc", batches(COMPANY)),
        ("POST", "/v1/data/objects/query/Company", QUERIES),
        ("POST", "/v1/meta/services/objects/describe", records("objectNames")),
        ("POST", "/v1.0/api/eventManager/event", VALUES),
        ("POST", "/v1/users", USER),
        ("PUT", "/v1/users/u1", USER),
        ("PUT", "/v1/users/update", USER),
        ("POST", "/v1/events/custom", TRACK),
        ("POST", "/rte/segmentio/v1/push", MESSAGE | VALUES),
        ("POST", "/clickstream/segmentio/event", VALUES),
    ],
)
def test_any_json_gets_an_answer(method: str, path: str, bodies: st.SearchStrategy[Any]) -> None:
    ask = _asker(method, path)

    @given(st.lists(bodies, min_size=1, max_size=3))
    def check(sent: list[Any]) -> None:
        for body in sent:
            assert ask(msgspec.json.encode(body)) < 500

    check()


def _asker(method: str, path: str) -> Callable[[bytes], int]:
    """Sends bodies to a sandbox that has something to find already."""
    state = State(lambda: START)
    state.limits.change({"enabled": False})
    state.seed(
        {"cs": {"companies": [{"Name": "Acme", "Employees": 5}]}, "px": {"users": [{"identifyId": "u1"}]}}
    )
    headers = {name.lower(): value for name, value in {**CS, **EVENT, **PX}.items()}
    if path.startswith("/rte"):
        headers["authorization"] = "Basic QVAtMTo="
    raw_path, _, query = path.partition("?")
    api, route, params = route_of(method, raw_path)

    def ask(body: bytes) -> int:
        call = Call(method, raw_path, query, headers, body, START, params)
        status = answer(state, api, route, call).status
        state.snapshot()
        return status

    return ask
