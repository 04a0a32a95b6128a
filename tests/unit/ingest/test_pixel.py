"""Images that carry an event: whatever comes, an image goes back."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.event import KINDS
from gainstage.ingest.pixel import GIF
from gainstage.log.contract import LogUnavailable
from tests.unit.ingest.requests import Answered, Asked, FailingLog

pytestmark = pytest.mark.anyio


async def shown(asked: Asked, path: str, query: str) -> Answered:
    answer = await asked.ask(path, method="GET", headers={}, query=query)
    assert (answer.status, answer.body) == (200, GIF.body)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store"
    return answer


async def test_the_image_is_one() -> None:
    assert GIF.body[:6] == b"GIF89a" and len(GIF.body) == 43 and GIF.body[-1:] == b";"


@pytest.mark.parametrize("kind", KINDS)
async def test_segments_pixel_takes_the_type_from_its_path(kind: str) -> None:
    asked = Asked()
    query = "writeKey=app-key&userId=ann&event=Opened&groupId=g&previousId=p&type=dance"
    await shown(asked, f"/v1/pixel/{kind}", query)
    assert asked.outcomes("app") == [kind]


async def test_names_with_dots_lead_inside() -> None:
    asked = Asked()
    fields = {
        "writeKey": "app-key",
        "anonymousId": "x",
        "event": "E-mail Opened",
        "properties.subject": "Hällo & you",
        "properties.a.b": "1",
        "context.traits.email": "a@b.c",
        "properties": "in the way",
    }
    await shown(asked, "/v1/pixel/track", urlencode(fields))
    (event,) = asked.events("app")
    assert event.properties == {"subject": "Hällo & you", "a": {"b": "1"}}
    assert event.context_traits == {"email": "a@b.c"}
    assert event.time_us == event.received_us
    assert b"app-key" not in asked.entries("app")[0].body


async def test_destinations_can_be_switched_off_by_name() -> None:
    asked = Asked()
    query = "writeKey=app-key&userId=ann&event=e&integrations.All=false&integrations.Gainsight%20PX=true"
    await shown(asked, "/v1/pixel/track", query)
    await shown(asked, "/pixel/v1/track", query)
    for event in asked.events("app"):
        assert event.integrations == {"All": False, "Gainsight PX": True}


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("padding", [True, False])
@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("key_inside", [True, False])
async def test_data_is_json_in_base64(
    encode: Callable[[bytes], bytes], padding: bool, escaped: bool, key_inside: bool
) -> None:
    message: dict[str, object] = {
        "userId": "ann",
        "event": "Opened??>>~~",
        "properties": {"n": 1, "t": "äöü¿¿¿"},
    }
    if key_inside:
        message["writeKey"] = "app-key"
    text = encode(json.dumps(message, ensure_ascii=False).encode()).decode()
    text = text if padding else text.rstrip("=")
    query = f"data={quote(text, safe='') if escaped else text}" + ("" if key_inside else "&writeKey=app-key")
    asked = Asked()
    await shown(asked, "/v1/pixel/track", query)
    (event,) = asked.events("app")
    assert (event.name, event.properties) == ("Opened??>>~~", message["properties"])


@pytest.mark.parametrize("kind", ["track", "page"])
async def test_rudderstacks_pixel_fills_in_what_its_server_does(kind: str) -> None:
    asked = Asked()
    await shown(asked, f"/pixel/v1/{kind}", "writeKey=app-key&anonymousId=x&event=Opened&properties.a=1")
    (event,) = asked.events("app")
    assert (event.kind, event.properties) == (kind, {"a": "1"})
    assert event.message["channel"] == "web"
    assert event.integrations == {"All": True}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "missing_write_key"),
        ("userId=ann", "missing_write_key"),
        ("writeKey=nobody&userId=ann", "invalid_write_key"),
        ("writeKey=site-key&userId=ann", "secret_write_key"),
        ("writeKey=off-key&userId=ann", "source_disabled"),
        ("writeKey=app-key&data=%%%", "invalid_data"),
        ("writeKey=app-key&data=e3", "invalid_json"),
        ("&".join(f"f{n}=1" for n in range(2000)), "invalid_query"),
    ],
)
async def test_what_is_refused_is_counted_and_shown_the_image(query: str, code: str) -> None:
    asked = Asked()
    await shown(asked, "/v1/pixel/track", query)
    assert [counted for counted, _ in asked.api.counts.refused] == [code]
    assert asked.entries("app") == []


async def test_a_fault_of_ours_shows_the_image_too() -> None:
    asked = Asked(FailingLog(LogUnavailable("The disk is full.")))
    await shown(asked, "/v1/pixel/track", "writeKey=app-key&userId=ann&event=e")
    assert asked.api.counts.refused == {("unavailable", "app"): 1}


async def test_a_look_at_the_image_alone_is_no_event() -> None:
    asked = Asked()
    answer = await asked.ask("/v1/pixel/track", method="HEAD", headers={}, query="writeKey=app-key&userId=a")
    assert answer.status == 200
    assert asked.entries("app") == []


@given(st.text(alphabet="abc.=&%+writeKdta0f/ ", max_size=80))
async def test_any_query_shows_the_image(query: str) -> None:
    asked = Asked()
    await shown(asked, "/v1/pixel/track", "writeKey=app-key&" + quote(query, safe="=&%+./"))
    for code, _ in asked.api.counts.refused:
        assert code in ("invalid_data", "invalid_json", "invalid_write_key", "missing_write_key")


async def test_a_name_of_endless_dots_leads_only_so_deep() -> None:
    asked = Asked()
    await shown(asked, "/v1/pixel/track", "writeKey=app-key&userId=ann&event=e&" + "a." * 20_000 + "a=1")
    assert asked.outcomes("app") in (["track"], ["event_too_large"])
