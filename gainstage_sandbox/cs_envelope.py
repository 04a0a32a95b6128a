"""The JSON forms of CS answers: success, refusal, gateway failure, metadata failure."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from gainstage_sandbox.calls import Answer, Call, html_answer, json_answer
from gainstage_sandbox.cs_errors import OBJECT_CODES, FieldError, RefusalError


def success(data: Any) -> Answer:
    return json_answer(
        200,
        {
            "result": True,
            "errorCode": None,
            "errorDesc": None,
            "requestId": str(uuid4()),
            "data": data,
            "message": None,
        },
    )


def failure(status: int, code: str | None, text: str, data: Any = None) -> Answer:
    return json_answer(
        status,
        {
            "result": False,
            "errorCode": code,
            "errorDesc": text,
            "requestId": str(uuid4()),
            "data": data,
            "message": None,
        },
    )


def gateway_failure(status: int, code: str, text: str) -> Answer:
    body = {"result": False, "errorCode": code, "errorDesc": text, "requestId": str(uuid4()), "message": text}
    return json_answer(status, body)


def metadata_failure(status: int, title: str, detail: str) -> Answer:
    return json_answer(
        status,
        {
            "requestId": str(uuid4()),
            "result": False,
            "instance": "/v1/meta/services/objects",
            "title": title,
            "detail": detail,
            "errorDesc": detail,
        },
    )


def refusal_answer(refusal: RefusalError, nesting: str) -> Answer:
    data = None
    if refusal.counted:
        data = {"count": 0, "records": None, "errors": _nest(refusal.errors, nesting)}
    return failure(refusal.status, refusal.code, refusal.text, data)


def auth_failure(form: str) -> Answer:
    """A refused credential, in the form that the switch cs_auth_refusal names."""
    if form == "400_json":
        return failure(400, "GSOBJ_1024", "Invalid authorization headers")
    if form == "403_json":
        return gateway_failure(403, "GS_APIG_2402", "IP address is not allowed")
    if form == "401_html":
        return html_answer(401, "401 Unauthorized", "Authorization required.")
    return gateway_failure(401, "GS_APIG_2401", "Unauthorized")


def too_many_requests() -> Answer:
    return failure(429, "GU_2400", "Too many request")


def server_failure(status: int) -> Answer:
    return failure(status, "GU_1101", "Oops, something went wrong.")


def page_instead(call: Call, answer: Answer) -> Answer:
    """An error as HTML with HTTP 200, when the caller did not ask for JSON."""
    if answer.status < 400 or "application/json" in call.header("accept").lower():
        return answer
    return html_answer(200, "Error", "Oops, something went wrong.")


def _nest(errors: list[list[FieldError]] | None, nesting: str) -> list[Any] | None:
    if errors is None:
        return None
    records = [[_entry(error) for error in found] for found in errors]
    if nesting == "flat":
        return [entry for found in records for entry in found]
    return records if nesting == "by_position" else [found for found in records if found]


def _entry(error: FieldError) -> dict[str, Any]:
    detail = {
        "errorMessage": error.message(OBJECT_CODES),
        "errorCode": error.code(OBJECT_CODES),
        "fieldName": error.field or None,
        "invalidValue": error.value,
    }
    return {"success": False, "parsedValue": error.value, "errors": [detail]}
