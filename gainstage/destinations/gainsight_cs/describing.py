"""The tenant's fields: the request that reads them, and its reply as a schema.

`data: [{objectName, label, fields: [{fieldName, label, dataType, options, meta}]}]` [documented]. Errors of
the metadata service have an envelope of their own, with `title` and `detail` [documented].
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gainstage.destination import Describe, Finding, Response
from gainstage.destinations.gainsight_cs.answers import read_answer, said
from gainstage.destinations.gainsight_cs.calls import object_request
from gainstage.destinations.gainsight_cs.fitting import OBJECTS
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.outcome import Blocked
from gainstage.schema import Field, Item, Object, Schema

DESCRIBE_PATH = "/v1/meta/services/objects/describe"
#: As in the documented sample: texts, not truth values.
FLAGS = {
    "includeChilds": "true",
    "childLevels": "0",
    "populatePickListOptions": "true",
    "useCollectionId": "false",
    "removeDeleted": "true",
}


def describe(settings: CsSettings) -> Describe:
    """Read the fields of Company, Person and Company Person; whether the last can be described is not known,
    so without it where the three together are refused.
    """
    if settings.access_key is None:
        yield Finding("warning", "access_key", "Not set: the tenant's fields cannot be read.")
        return
    refused: Response | None = None
    for wanted in (list(OBJECTS.values()), [OBJECTS["company"], OBJECTS["person"]]):
        body = {"objectNames": wanted, **FLAGS}
        response = yield object_request(settings, "POST", DESCRIBE_PATH, body, ())
        assert response is not None
        outcome = read_answer(settings, response)
        if outcome is None:
            yield schema_or_finding(response)
            return
        refused = response
        if isinstance(outcome, Blocked) and not of_metadata(response):
            break
    assert refused is not None
    yield Finding("warning", "", f"{NOT_READ} (HTTP {refused.status}: {said(settings, refused)}). {REMEDY}")


NOT_READ = "The tenant's fields could not be read"
REMEDY = "Until they are, or a list is uploaded, Gainsight alone judges names and values."


def schema_or_finding(response: Response) -> Schema | Finding:
    """A reply that says yes."""
    try:
        return read_description(response.json())
    except ValueError as error:
        return Finding("warning", "", f"{NOT_READ}: {error} {REMEDY}")


def of_metadata(response: Response) -> bool:
    """Whether the metadata service itself says no: the address is right, what was asked for is not."""
    body = response.json()
    return isinstance(body, dict) and bool(body.get("title")) and not body.get("errorCode")


def read_description(content: Any) -> Schema:
    """The schema in a reply to describe, whole or its `data` alone.

    Raises:
        ValueError: it is none, in one sentence.
    """
    described = content.get("data") if isinstance(content, Mapping) else content
    found = tuple(read_objects(described)) if isinstance(described, list) else ()
    if not found:
        raise ValueError("It holds no objects with `objectName` and `fields`, as describe replies with.")
    return Schema(found)


def read_objects(described: list[Any]) -> Iterable[Object]:
    """The objects of a reply that have fields."""
    for one in described:
        if isinstance(one, Mapping) and isinstance(one.get("objectName"), str):
            given = one.get("fields")
            fields = tuple(read_fields(given)) if isinstance(given, list) else ()
            if fields:
                yield Object(one["objectName"], fields, text_of(one.get("label")))


def read_fields(given: list[Any]) -> Iterable[Field]:
    """The fields of an object; what is missing in `meta` does not restrict."""
    for one in given:
        if not isinstance(one, Mapping) or not isinstance(one.get("fieldName"), str):
            continue
        meta = one.get("meta") if isinstance(one.get("meta"), Mapping) else {}
        assert isinstance(meta, Mapping)
        yield Field(
            one["fieldName"],
            text_of(one.get("dataType")).upper(),
            text_of(one.get("label")),
            number_of(meta.get("length")),
            number_of(meta.get("decimalPlaces")),
            tuple(read_items(one.get("options"))),
            meta.get("required") is True,
            meta.get("readOnly") is True,
            meta.get("createable") is not False,
            meta.get("updateable") is not False,
        )


def read_items(options: Any) -> Iterable[Item]:
    """The items of a picklist: `value` is the GSID [seen live]."""
    for option in options if isinstance(options, list) else ():
        if isinstance(option, Mapping) and text_of(option.get("label")).strip():
            yield Item(
                text_of(option.get("label")),
                text_of(option.get("value")),
                text_of(option.get("systemName")),
                option.get("active") is not False,
            )


def text_of(value: Any) -> str:
    """A text, or none."""
    return value if isinstance(value, str) else ""


def number_of(value: Any) -> int | None:
    """A whole number that says something."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
