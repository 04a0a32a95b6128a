"""Deleting a user at PX, for good: a soft deletion would be undone by a write within seven days
[documented].
"""

import msgspec

from gainstage.destination import Deletion, Person, Request, Response
from gainstage.destinations.gainsight_px.api import (
    ID_FIELDS,
    PATHS,
    has_api_error,
    is_page,
    path_of,
    read_answer,
    request,
    told_absent,
)
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.outcome import Delivered, Outcome, Retry

FOR_GOOD = "?hardDelete=true"


def delete(settings: PxSettings, person: Person) -> Deletion:
    """DELETE of every id that the person may have there; 404 says that there is no such user [documented]."""
    deleted = 0
    for identifier in person.ids:
        response = yield call_for(settings, identifier)
        assert response is not None
        if told_absent(response):
            continue
        failure = read_deletion(settings, response)
        if failure is not None:
            return failure
        deleted += 1
    return Delivered("" if deleted else "absent")


def call_for(settings: PxSettings, identifier: str) -> Request:
    """By its path, or in the body where the id cannot stand in one [documented]."""
    path = path_of(PATHS["user"], identifier)
    if path is not None:
        return request(settings, "DELETE", path + FOR_GOOD)
    content = msgspec.json.encode({ID_FIELDS["user"]: identifier})
    return request(settings, "DELETE", f"{PATHS['user']}/delete{FOR_GOOD}", content)


def read_deletion(settings: PxSettings, response: Response) -> Outcome | None:
    """Documented are 200 and 204, without a word about the body; None for success."""
    if response.status not in (200, 204):
        return read_answer(settings, response) or Retry("answer_unreadable", f"HTTP {response.status}.")
    if is_page(response):
        return Retry("answer_unreadable", f"HTTP {response.status} with a page, which confirms nothing.")
    return read_answer(settings, response) if has_api_error(response) else None
