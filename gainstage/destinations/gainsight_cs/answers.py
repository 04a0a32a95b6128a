"""What Gainsight CS answers mean: the envelope, its error codes, rows and written records. Pure.

The envelope is `{result, errorCode, errorDesc, requestId, data, message}` [documented]. An answer counts as
success only if the status is 2xx and `result` is true.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from gainstage.destination import RETRIED_STATUSES, Response
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.outcome import Blocked, Outcome, Rejected, Retry, Throttled

SAID_CHARACTERS = 300
NESTING_LEVELS = 8

#: "No entity matches the given criteria": a read without rows, and an update whose keys match nothing.
NO_MATCH = "GSOBJ_1011"
NO_ROWS_SENTENCE = "no data found"
#: A person's association names a company that does not exist.
NO_COMPANY = "GSOBJ_PEOPLE1001"

#: Error codes by what they mean for the event [documented: error code pages of Company and Person API].
REFUSALS = {
    "GSOBJ_1001": "value_invalid",
    "GSOBJ_1002": "value_invalid",
    "GSOBJ_1004": "value_invalid",
    "GSOBJ_1005": "value_invalid",
    "GSOBJ_1006": "value_invalid",
    "GSOBJ_1007": "value_invalid",
    "GSOBJ_1008": "value_invalid",
    "GSOBJ_VCRUDR1002": "field_unknown",
    "GSOBJ_VCRUDR1003": "field_unknown",
}
VALIDATIONS = "GSOBJ_VDT"
CREDENTIALS = ("GS_APIG_", "GSOBJ_1024")
HOSTS = ("GSOBJ_1023",)
RETRIES = ("GU_1101", "GSOBJ_1003")
THROTTLES = ("GU_2400",)
TOO_LARGE = frozenset({413, 414, 431})

#: `Invalid dateTimes format (OriginalContractDate = 210318).`
NAMED_IN_TEXT = re.compile(r"\((?P<field>\w+)\s*=\s*(?P<value>.*)\)\W*$", re.DOTALL)


class FieldError(NamedTuple):
    """One complaint about a field of a record."""

    field: str
    code: str
    message: str
    #: The refused value in its possible spellings; empty where the answer names none.
    values: tuple[Any, ...]


def read_answer(settings: CsSettings, response: Response) -> Outcome | None:
    """What an answer means; None for success."""
    status, body = response.status, response.json()
    code = str(body.get("errorCode") or "") if isinstance(body, dict) else ""
    if 200 <= status < 300 and not code and isinstance(body, dict) and body.get("result") is True:
        return None
    told = f"HTTP {status}: {said(settings, response)}"
    if status == 429 or code in THROTTLES:
        return Throttled(detail=told)
    if status >= 500 or status in RETRIED_STATUSES:
        return Retry("vendor_error", told)
    if status in (401, 403) or code.startswith(CREDENTIALS):
        return Blocked("credentials_refused", told)
    if status in (404, 405, 410) or 300 <= status < 400 or code in HOSTS:
        return Blocked("host_refused", told)
    if not 200 <= status < 500:
        return Retry("answer_unreadable", told)
    if not isinstance(body, dict):
        if status < 300:
            return Retry("answer_unreadable", f"HTTP {status} with a body that is no JSON object.")
        page = response.body.lstrip()[:1] == b"<" and status not in TOO_LARGE
        return Blocked("host_refused", told) if page else Rejected("refused", told)
    if status < 300 and body.get("result") is True:
        return None
    if code in RETRIES:
        return Retry("vendor_error", told)
    if status < 300 and body.get("result") is not False:
        return Retry("answer_unreadable", f"HTTP {status} with a body that has no `result`.")
    return Rejected(refusal(code), told, named_fields(response))


def refusal(code: str) -> str:
    """Our reason for a vendor code that refuses a record."""
    return "value_invalid" if code.startswith(VALIDATIONS) else REFUSALS.get(code, "refused")


def error_code(response: Response) -> str:
    """The envelope's `errorCode`."""
    body = response.json()
    return str(body.get("errorCode") or "") if isinstance(body, dict) else ""


def said(settings: CsSettings, response: Response) -> str:
    """What the answer gives as its reason; metadata errors use `title` and `detail` [documented]."""
    body = response.json()
    if isinstance(body, dict):
        keys = ("errorCode", "errorDesc", "title", "detail", "message")
        parts = dict.fromkeys(str(body[key]) for key in keys if body.get(key))
        text = ": ".join(parts)
    else:
        text = " ".join(response.body.decode(errors="replace").split())
    for secret in (settings.access_key, settings.shared_secret):
        if secret is not None:
            text = text.replace(secret.get_secret_value(), "***")
    return text[:SAID_CHARACTERS]


def field_errors(response: Response) -> tuple[FieldError, ...]:
    """Complaints that name a field: from `data.errors` however it is nested, else from `errorDesc`."""
    body = response.json()
    if not isinstance(body, dict):
        return ()
    found = tuple(_complaints(body.get("data"), NESTING_LEVELS))
    if found:
        return found
    text = body.get("errorDesc")
    match = NAMED_IN_TEXT.search(text) if isinstance(text, str) else None
    if match is None:
        return ()
    return (FieldError(match["field"], error_code(response), str(text), (match["value"],)),)


def is_value(error: FieldError, value: Any) -> bool:
    """Whether a value is the one that was refused, however it is written."""
    return any(given == value or str(given) == str(value) for given in error.values)


def _complaints(node: Any, levels: int) -> Iterator[FieldError]:
    """`errors` is a list of lists of `{success, parsedValue, errors: [{fieldName, invalidValue, ...}]}`.

    Whether a place in it means a record is not stated: places count for nothing.
    """
    if levels == 0:
        return
    if isinstance(node, list):
        for inner in node:
            yield from _complaints(inner, levels - 1)
    elif isinstance(node, dict):
        name = node.get("fieldName")
        if isinstance(name, str) and name:
            values = tuple(node[key] for key in ("invalidValue", "parsedValue") if node.get(key) is not None)
            code, message = str(node.get("errorCode") or ""), str(node.get("errorMessage") or "")
            yield FieldError(name, code, message, values)
        yield from _complaints(node.get("errors"), levels - 1)


def named_fields(response: Response) -> tuple[str, ...]:
    """The fields that an answer complains about."""
    return tuple(dict.fromkeys(error.field for error in field_errors(response)))


def rows(settings: CsSettings, response: Response) -> list[dict[str, Any]] | Outcome:
    """The rows of a read: `data` [documented] or `data.records` [seen in clients].

    "Nothing found" is an empty list, `result: false` with a sentence, or GSOBJ_1011 with 400 [documented].
    """
    outcome = read_answer(settings, response)
    if isinstance(outcome, Rejected) and is_no_match(response):
        return []
    if outcome is not None:
        return outcome
    data = response.json().get("data")
    if isinstance(data, dict):
        data = data.get("records")
    if data is None:
        return []
    if not isinstance(data, list):
        return Retry("answer_unreadable", "The answer to a read holds no rows where they are documented.")
    return [row for row in data if isinstance(row, dict)]


def is_no_match(response: Response) -> bool:
    """Whether the answer says that nothing matches."""
    body = response.json()
    text = str(body.get("errorDesc") or body.get("message") or "") if isinstance(body, dict) else ""
    return error_code(response) == NO_MATCH or NO_ROWS_SENTENCE in text.lower()


def written(response: Response) -> tuple[int | None, list[dict[str, Any]]]:
    """Count and records of a write's answer: `data: {count, errors, records}` [documented]."""
    data = response.json().get("data")
    if not isinstance(data, dict):
        return None, []
    count, records = data.get("count"), data.get("records")
    found = [record for record in records if isinstance(record, dict)] if isinstance(records, list) else []
    return (count if isinstance(count, int) and not isinstance(count, bool) else None), found
