"""The clickstream endpoint: whole messages, one a call."""

from typing import Any

import pytest

from tests.sandbox.vendor import CLICKSTREAM, Vendor


def test_a_message_is_kept_as_it_came(vendor: Vendor) -> None:
    sent = {"type": "track", "event": "Clicked", "properties": {"a": [1]}}
    response = vendor.clickstream(sent)
    assert (response.status_code, response.json()) == (200, {"success": True})
    assert vendor.state()["clickstream"]["messages"] == [sent]


def test_a_bad_key_is_refused(vendor: Vendor) -> None:
    assert vendor.client.post(CLICKSTREAM, json={"type": "track"}).status_code == 401
    vendor.set(clickstream_access_keys=["good"])
    assert vendor.clickstream({"type": "track"}).status_code == 401
    assert vendor.clickstream({"type": "track"}, key="good").status_code == 200


def test_switch_clickstream_key_length(vendor: Vendor) -> None:
    assert vendor.clickstream({"type": "track"}, key="short").status_code == 200
    vendor.set(clickstream_key_length="36")
    assert vendor.clickstream({"type": "track"}, key="short").status_code == 401
    assert vendor.clickstream({"type": "track"}).status_code == 200


@pytest.mark.parametrize(
    ("form", "content", "kept"),
    [
        ("success", b'{"success":true}', 1),
        ("failure", b'{"success":false}', 0),
        ("list", b'[{"success":true}]', 1),
        ("empty", b"", 1),
    ],
)
def test_switch_clickstream_reply(vendor: Vendor, form: str, content: bytes, kept: int) -> None:
    vendor.set(clickstream_reply=form)
    response = vendor.clickstream({"type": "track"})
    assert (response.status_code, response.content) == (200, content)
    assert len(vendor.state()["clickstream"]["messages"]) == kept


def test_switch_clickstream_service(vendor: Vendor) -> None:
    vendor.set(clickstream_service="gone")
    assert vendor.clickstream({"type": "track"}).status_code == 410


@pytest.mark.parametrize("message", [[], {}, "x", {"type": 1}])
def test_what_is_no_message_is_refused(vendor: Vendor, message: Any) -> None:
    assert vendor.clickstream(message).status_code == 400
