"""The tenant's attributes: the requests that list them, and their replies as a schema.

`GET /v1/admin/model/{user|account}/attributes` replies with a list of `{id, name, apiName, internalName,
type, state, origin}` [documented]. A list within an object is taken, too.
"""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from gainstage.destination import Describe, Finding
from gainstage.destinations.gainsight_px.api import read_answer, request
from gainstage.destinations.gainsight_px.mapping import ACCOUNT, USER
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.schema import Field, Object, Schema, State

PATH = "/v1/admin/model/{}/attributes"
#: Where a list may stand in an object: the first that is there.
LIST_KEYS = ("attributes", "content", "data", "results")
NOT_READ = "The tenant's attributes could not be read"
REMEDY = "Until they are, or a list is uploaded, Gainsight PX alone judges names and values."
FORM = '{"user": [...], "account": [...]}, each a reply of Gainsight PX'


def describe(settings: PxSettings) -> Describe:
    """List the attributes of users and of accounts: all of them or none, as half of what was known before
    would be lost by keeping the other half.
    """
    if settings.pushes:
        yield Finding(
            "ok", "mode", "In mode segment_push PX maps the messages itself: attributes are not read."
        )
        return
    objects = []
    for table in (USER, ACCOUNT):
        response = yield request(settings, "GET", PATH.format(table.into))
        assert response is not None
        listed = response.status == 200 and isinstance(response.json(), list)
        outcome = None if listed else read_answer(settings, response)
        if outcome is not None:
            told = getattr(outcome, "detail", "") or f"HTTP {response.status}"
            yield Finding("warning", "", f"{NOT_READ} ({told}). {REMEDY}")
            return
        try:
            objects.append(read_object(table.into, table.title, response.json()))
        except ValueError as error:
            yield Finding("warning", "", f"{NOT_READ}: {error} {REMEDY}")
            return
    yield Schema(tuple(objects))


def read_description(content: Any) -> Schema:
    """The schema in the two replies, saved together under `user` and `account`.

    Raises:
        ValueError: they are not, in one sentence.
    """
    replies = content if isinstance(content, Mapping) else {}
    found = [
        read_object(table.into, table.title, replies[table.into])
        for table in (USER, ACCOUNT)
        if table.into in replies
    ]
    if not found:
        raise ValueError(f"It is not of the form {FORM}.")
    return Schema(tuple(found))


def read_object(name: str, title: str, reply: Any) -> Object:
    """The attributes in one reply."""
    if isinstance(reply, Mapping):
        reply = next((reply[key] for key in LIST_KEYS if isinstance(reply.get(key), list)), None)
    # A name may be there twice, as of an attribute that was deleted and made anew: the one in use counts,
    # and of two the tenant's own.
    fields = sorted(read_fields(reply), key=lambda field: (field.enabled, field.custom is True))
    if not fields:
        raise ValueError(f"It lists no attributes of {name}s with an `apiName`.")
    by_name = {field.name: field for field in fields}
    return Object(name, tuple(sorted(by_name.values(), key=lambda field: field.name.lower())), title)


def read_fields(reply: Any) -> Iterable[Field]:
    """The attributes of a list; what is missing does not restrict."""
    for row in reply if isinstance(reply, list) else ():
        name = text_of(row, "apiName")
        if name:
            origin = text_of(row, "origin").upper()
            yield Field(
                name,
                text_of(row, "type").upper(),
                text_of(row, "name"),
                state=state_of(text_of(row, "state").upper()),
                custom=origin == "CUSTOM" if origin in ("CUSTOM", "DEFAULT") else None,
                alias=text_of(row, "internalName"),
            )


def state_of(word: str) -> State:
    """Whether it is in use; it is, unless the list says no in a word that is known [documented]."""
    return next((state for state in get_args(State) if state == word), "ENABLED")


def text_of(row: Any, key: str) -> str:
    """A text, or none."""
    value = row.get(key) if isinstance(row, Mapping) else None
    return value.strip() if isinstance(value, str) else ""
