"""Deleting a user at PX: by path or body, for good, and what each answer means."""

import msgspec
import pytest

from gainstage.destination import Person, Request, Response
from gainstage.destinations.gainsight_px import destination
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.outcome import Blocked, Delivered, Outcome, Retry, Throttled

SETTINGS = PxSettings.model_validate({"api_key": "px-api-key-12345", "product_tag_key": "AP-TAG"})
TOLD = b'{"externalapierror":{"status":"NOT_FOUND","message":"no such user"}}'


def deleted(ids: tuple[str, ...], *answers: Response) -> tuple[list[Request], Outcome]:
    """The requests of a deletion, and how it ended."""
    assert destination.delete is not None
    conversation, requests = destination.delete(SETTINGS, Person(ids, ())), []
    given: Response | None = None
    left = iter(answers)
    try:
        while True:
            requests.append(conversation.send(given))
            given = next(left)
    except StopIteration as ended:
        return requests, ended.value


def answer(status: int, body: bytes = b"") -> Response:
    return Response(status, {}, body)


def test_every_id_is_deleted_for_good_and_one_unfit_for_a_path_goes_in_the_body() -> None:
    requests, outcome = deleted(("u-1@acme", "a/b"), answer(204), answer(200))
    assert [(one.method, one.url.partition("/v1/")[2]) for one in requests] == [
        ("DELETE", "users/u-1%40acme?hardDelete=true"),
        ("DELETE", "users/delete?hardDelete=true"),
    ]
    assert msgspec.json.decode(requests[1].body) == {"identifyId": "a/b"}
    assert outcome == Delivered()


def test_a_user_whom_px_does_not_know_is_absent() -> None:
    assert deleted(("u-1", "u-2"), answer(404, TOLD), answer(404, TOLD))[1] == Delivered("absent")
    assert deleted(("u-1", "u-2"), answer(404, TOLD), answer(204))[1] == Delivered()


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (answer(401), Blocked),
        (answer(404, b"<html>"), Blocked),
        (answer(429), Throttled),
        (answer(503), Retry),
        (answer(202), Retry),
        (answer(200, b"<html>a login page</html>"), Retry),
    ],
)
def test_nothing_else_counts_as_deleted(response: Response, kind: type) -> None:
    assert isinstance(deleted(("u-1",), response)[1], kind)
