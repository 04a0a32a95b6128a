"""Mobile SDKs cannot run here: what they put on the wire is sent as it stands, and answered as they need."""

import pytest

from tests.sdks.site import Site, Source
from tests.sdks.wire import CASES, Answered, case, connected, exchange, filled, holds, on_the_wire, values

RUDDER = [name for name in CASES if name.startswith("rudder")]


def play(name: str, source: Source, piece_bytes: int = 0) -> list[Answered]:
    """Send everything that an SDK sends, on one connection."""
    given = values(source.key, f"127.0.0.1:{source.port}")
    with connected(source.port) as connection:
        return [
            exchange(connection, on_the_wire(request, given), piece_bytes=piece_bytes)
            for request in case(name)["requests"]
        ]


@pytest.mark.parametrize("piece_bytes", [0, 1], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("name", CASES)
def test_what_a_mobile_sdk_sends_is_answered_and_kept_with_its_traits(
    site: Site, name: str, piece_bytes: int
) -> None:
    source, described = site.source("mobile"), case(name)
    answers = play(name, source, piece_bytes)
    given = values(source.key, f"127.0.0.1:{source.port}")
    for request, answer in zip(described["requests"], answers, strict=True):
        assert answer.status == request["status"], answer
        assert "location" not in answer.headers
        if wanted := request.get("answer"):
            assert answer.headers["content-type"].startswith("application/json")
            assert holds(answer.json, filled(wanted, given)), answer.body
    kept = source.kept(len(described["events"]))
    for one, wanted in zip(kept, described["events"], strict=True):
        assert {name: getattr(one.event, name) for name in wanted} == wanted
        assert one.event.notes == ()
        assert abs(one.event.time_us - one.event.received_us) < 60_000_000


@pytest.mark.parametrize("name", CASES)
def test_what_a_mobile_sdk_sends_again_after_a_lost_answer_is_kept_once(site: Site, name: str) -> None:
    source = site.source("mobile")
    play(name, source)
    play(name, source)
    count = len(case(name)["events"])
    assert len(source.kept(count)) == count
    assert source.counts()["duplicates"] == count


@pytest.mark.parametrize("name", ["segment-kotlin", "segment-swift", "segment-react-native"])
def test_the_settings_hold_only_what_every_segment_sdk_can_read(site: Site, name: str) -> None:
    settings = play(name, site.source("mobile"))[0].json
    assert settings["integrations"]
    assert all(isinstance(value, dict) for value in settings["integrations"].values())
    objects = ("plan", "metrics", "consentSettings", "edgeFunction", "middlewareSettings")
    assert all(isinstance(settings[name], dict) for name in objects if name in settings)
    assert settings["integrations"]["Segment.io"]["apiHost"].count("://") == 0


@pytest.mark.parametrize("name", RUDDER)
def test_a_body_that_cannot_be_read_sends_no_rudder_sdk_into_a_loop(site: Site, name: str) -> None:
    source = site.source("mobile")
    request = {**case(name)["requests"][1], "body": '{"sentAt":"{now}","batch": [{"messageId":'}
    given = values(source.key, f"127.0.0.1:{source.port}")
    with connected(source.port) as connection:
        answer = exchange(connection, on_the_wire(request, given))
    assert answer.status == 200


@pytest.mark.parametrize("name", CASES)
def test_an_unknown_write_key_is_told_so_in_the_words_that_stop_an_uploader(site: Site, name: str) -> None:
    source = site.source("mobile")
    given = values("nobody", f"127.0.0.1:{source.port}")
    with connected(source.port) as connection:
        answer = exchange(connection, on_the_wire(case(name)["requests"][1], given))
    assert answer.status == 401
    assert b"invalid write key" in answer.body
