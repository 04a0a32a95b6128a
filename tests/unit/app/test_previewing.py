"""Preview shows what each destination would be sent, and nothing else happens."""

import json
from pathlib import Path
from typing import Any

import pytest

from gainstage.app.previewing import preview
from gainstage.errors import ConfigurationError, UsageError
from tests.unit.app.conftest import SECRETS, Written

EXAMPLES = Path(__file__).parents[2] / "fixtures" / "examples.jsonl"
MESSAGES = [json.loads(line)["message"] for line in EXAMPLES.read_text().splitlines()]
CASES = [(name, message) for name in ("clickstream", "cs", "px") for message in MESSAGES]
HOSTS = {
    "clickstream": "https://segment-messages.aptrinsic.com/",
    "cs": "https://acme.gainsightcloud.com/",
    "px": "https://api.aptrinsic.com/",
}


def shown(config: Path, destination: str, *messages: Any) -> list[dict[str, Any]]:
    """Previews of messages, each as it is or as bytes."""
    bodies = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in messages]
    return list(preview(config, config.parent / "data", destination, bodies))


@pytest.mark.parametrize(("destination", "message"), CASES, ids=[f"{n}-{m['messageId']}" for n, m in CASES])
def test_every_example_has_its_line(written: Written, destination: str, message: dict[str, Any]) -> None:
    config = written("clickstream", "cs", "px")
    (line,) = shown(config, destination, message)
    assert line.keys() >= {"message_id", "outcome", "reason", "requests"}
    assert line["message_id"] == message["messageId"]
    assert line["outcome"] in ("planned", "filtered", "parked", "failed")
    assert bool(line["requests"]) == (line["outcome"] == "planned")
    assert bool(line["reason"]) == (line["outcome"] != "planned")
    for request in line["requests"]:
        assert request.keys() == {"method", "url", "headers", "body"}
        assert request["url"].startswith("https://")
        assert isinstance(request["body"], dict | list)
    assert not any(secret in json.dumps(line) for secret in SECRETS)
    assert not (config.parent / "data").exists()


def test_a_company_is_looked_up_made_and_linked_by_a_made_up_id(written: Written) -> None:
    message = {"type": "group", "messageId": "g", "userId": "u", "groupId": "7", "traits": {"name": "Acme"},
               "context": {"traits": {"email": "ann@x.example"}}}  # fmt: skip
    (line,) = shown(written("cs"), "cs", message)
    said = [(request["method"], request["url"].removeprefix(HOSTS["cs"])) for request in line["requests"]]
    assert [method for method, _ in said] == ["POST", "POST", "PUT"]
    assert "query/Company" in said[0][1] and "objects/Company" in said[1][1]
    assert "<gsid of Acme>" in json.dumps(line["requests"][2]["body"])


def test_users_are_remembered_from_one_message_to_the_next(written: Written) -> None:
    group = {"type": "group", "userId": "u", "groupId": "7", "traits": {"name": "Acme"}}
    identify = {"type": "identify", "userId": "u", "traits": {"email": "ann@x.example"}}
    lines = shown(written("cs"), "cs", group, identify, group)
    assert [line["outcome"] for line in lines] == ["parked", "planned", "planned"]
    assert lines[0]["reason"] == "email_missing"


def test_a_message_that_is_refused_says_why(written: Written) -> None:
    lines = shown(written("px"), "px", b"{not json", {"type": "nonsense", "userId": "u"}, {"type": "track"})
    assert [line["outcome"] for line in lines] == ["failed"] * 3
    assert [line["reason"] for line in lines][:2] == ["event_not_json", "type_unknown"]
    assert all(line["detail"] for line in lines)


def test_an_unknown_destination_is_refused_with_those_there_are(written: Written) -> None:
    with pytest.raises(UsageError, match=r"no destination crm; configured are: cs, px\."):
        shown(written("px", "cs"), "crm")


def test_no_configuration_is_a_clear_refusal(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no configuration: write a gainstage\.yaml"):
        preview(None, tmp_path / "data", "cs", [])


def test_px_in_mode_segment_push_is_shown_the_message_without_its_credential(written: Written) -> None:
    config = written("px", px={"mode": "segment_push", "api_key": None})
    for message in MESSAGES:
        (line,) = shown(config, "px", message)
        (request,) = line["requests"]
        assert (line["outcome"], request["method"]) == ("planned", "POST")
        assert request["url"] == "https://segment-esp.aptrinsic.com/rte/segmentio/v1/push"
        assert request["headers"]["Authorization"] == "***"
        assert message.items() <= request["body"].items()


def test_px_without_an_api_key_names_the_setting(written: Written) -> None:
    with pytest.raises(ConfigurationError) as caught:
        shown(written("px", px={"api_key": None}), "px", *MESSAGES)
    [problem] = caught.value.problems
    assert "settings.api_key" in problem and "is missing" in problem
