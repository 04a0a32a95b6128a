"""The forms of the vendors' answers, and what they come to."""

import json
from typing import Any

from gainstage.destination import Response
from tests.simulation.faults import JSON
from tests.simulation.waiting import End


def as_json(status: int, body: Any) -> Response:
    return Response(status, JSON, json.dumps(body).encode())


def envelope(data: Any) -> Response:
    return as_json(
        200, {"result": True, "errorCode": None, "errorDesc": None, "requestId": "r", "data": data}
    )


def nothing_found(how: str) -> Response:
    """A read without rows, in one of the forms that are documented or were seen."""
    if how == "no rows":
        return envelope([])
    code, sentence = ("GSOBJ_1011", "No entity matches") if how == "no match" else ("", "No data found")
    told = {"result": False, "errorCode": code, "errorDesc": sentence, "data": None}
    return as_json(400 if code else 200, told)


def refusal(status: int, sentence: str, fields: dict[str, Any]) -> Response:
    errors = [
        [
            {
                "success": False,
                "errors": [
                    {
                        "fieldName": name,
                        "invalidValue": value,
                        "errorCode": "GSOBJ_1006",
                        "errorMessage": "bad",
                    }
                    for name, value in fields.items()
                ],
            }
        ]
    ]
    data = {"count": 0, "records": None, "errors": errors if fields else None}
    told = {"result": False, "errorCode": "GSOBJ_1006", "errorDesc": sentence, "data": data}
    return as_json(status, told)


def end_of(fault: str | None, answer: Response) -> End:
    """What an answer means for the calls to come."""
    if fault == "throttled":
        return End.THROTTLED
    if answer.status >= 500 or fault == "internal":
        return End.UNAVAILABLE if answer.status == 503 else End.FAILED
    return End.ANSWERED if fault in (None, "accepted") else End.UNCLEAR


def shown(answer: Response) -> str:
    """An answer in a few words."""
    asked = answer.headers.get("retry-after")
    return str(answer.status) if asked is None else f"{answer.status}, Retry-After: {asked}"
