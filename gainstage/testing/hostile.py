"""Events and answers that nobody should send, for property tests."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st

from gainstage.destination import CallFailed, Request, Response
from gainstage.event import Event, Identity

STATUSES = (
    *(200, 200, 200, 201, 202, 204, 206, 301, 302, 304, 400, 400, 401, 402, 403, 404, 404, 405, 408, 409),
    *(410, 413, 415, 418, 422, 423, 425, 429, 431, 451, 500, 501, 502, 503, 504, 511, 598, 599),
)  # fmt: skip
PAGE = b"<!DOCTYPE html><html><body><h1>Oops</h1></body></html>"
CUT = b'{"result":true,"data":{"rec'
BODIES = (b"", b" ", PAGE, CUT, b"OK", b"{", b"null", b"[]", b"{}", b"0", b'"x"', b"\xff")
#: Keys and codes that answers of the vendors have, with whatever values.
KEYS = (
    *("result", "errorCode", "errorDesc", "data", "records", "count", "errors", "message", "Gsid", "Name"),
    *("fieldName", "invalidValue", "parsedValue", "externalapierror", "subErrors", "status", "errorMessage"),
)  # fmt: skip
CODES = (
    *("GSOBJ_1001", "GSOBJ_1002", "GSOBJ_1006", "GSOBJ_1011", "GSOBJ_1024", "GSOBJ_PEOPLE1001"),
    *("GSOBJ_VCRUDR1002", "GS_APIG_2401", "GU_1101", "GU_2400", "", "X"),
)  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(CODES)
)
nested: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
#: Mostly plain values: deep ones cost most of the time of a test, and destinations read few of them deeply.
json_values: st.SearchStrategy[Any] = st.integers(0, 3).flatmap(lambda deep: scalars if deep else nested)
envelopes = st.fixed_dictionaries(
    {"result": st.booleans() | scalars},
    optional={"errorCode": st.sampled_from(CODES) | scalars, "errorDesc": json_values, "data": json_values},
)
bodies = st.sampled_from(BODIES) | st.builds(msgspec.json.encode, envelopes | json_values)
responses = st.builds(
    Response, st.sampled_from(STATUSES), st.just({"content-type": "application/json"}), bodies
)
failures = st.builds(
    lambda sent: CallFailed("timeout" if sent else "unreachable", "no answer came", sent=sent), st.booleans()
)
answers = responses | failures


def objects(keys: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose keys are partly those that a destination reads."""
    return st.dictionaries(st.sampled_from(keys) | st.text(max_size=8), json_values, max_size=6)


@cache
def events(keys: tuple[str, ...]) -> st.SearchStrategy[Event]:
    """Events of every kind with whatever in them; ids are strings, as the contract says."""
    ids = st.text(max_size=12)
    return st.builds(
        Event,
        kind=st.sampled_from(("identify", "track", "page", "screen", "group", "alias")),
        message_id=st.text(min_size=1, max_size=8),
        source=st.just("test"),
        user_id=st.text(min_size=1, max_size=12),
        anonymous_id=ids,
        group_id=ids,
        name=st.text(max_size=12),
        traits=objects(keys),
        context_traits=objects(keys),
        properties=objects(keys),
        context=objects([*keys, "externalId", "externalIds", "page", "groupId", "sessionId"]),
        time_us=st.integers(-(10**15), 4 * 10**15),
        received_us=st.integers(0, 4 * 10**15),
        message=objects(["type", "traits", "properties", "context"]),
    )


identities = st.builds(
    Identity, user_id=st.text(max_size=8), email=st.text(max_size=8), account=st.text(max_size=8)
)


class Hostile:
    """A vendor that answers from a list, then as the healthy one does."""

    def __init__(self, script: list[Response | CallFailed], healthy: Any) -> None:
        self._script = list(script)
        self._healthy = healthy

    def __call__(self, request: Request) -> Response:
        """The next answer, or failure, of the script."""
        answer = self._script.pop(0) if self._script else self._healthy(request)
        if isinstance(answer, CallFailed):
            raise answer
        assert isinstance(answer, Response)
        return answer
