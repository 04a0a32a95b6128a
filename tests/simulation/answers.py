"""The forms of the vendors' answers."""

import json
from typing import Any

from gainstage.destination import Response
from tests.simulation.faults import JSON


def as_json(status: int, body: Any) -> Response:
    return Response(status, JSON, json.dumps(body).encode())


def envelope(data: Any) -> Response:
    return as_json(
        200, {"result": True, "errorCode": None, "errorDesc": None, "requestId": "r", "data": data}
    )


def refusal(sentence: str, fields: dict[str, Any]) -> Response:
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
    return as_json(400, told)
