"""The HTTP shape of CS: people, company and custom objects, events, tokens. Rules are in the models."""

from __future__ import annotations

from base64 import b64decode
from secrets import token_urlsafe
from typing import Any

from gainstage_sandbox.calls import Answer, Call, Route, UnreadableError, json_answer
from gainstage_sandbox.cs_envelope import auth_failure, failure, refusal_answer, success
from gainstage_sandbox.cs_errors import RefusalError
from gainstage_sandbox.cs_metadata import METADATA_ROUTES
from gainstage_sandbox.cs_people import Job
from gainstage_sandbox.state import State

TOKEN_SECONDS = 86_400
OLD_PEOPLE = "/v1.0/api/people"
NEW_PEOPLE = "/v1/peoplemgmt/v1.0/people"


def put_person(state: State, call: Call) -> Answer:
    old = call.raw_path == OLD_PEOPLE
    if state.behaviour.word("cs_people_path") == ("new" if old else "old"):
        return failure(404, "GSOBJ_1023", "Invalid API path")
    body = call.json_object()
    lookups = body.pop("lookups", None)
    row = state.people.upsert(body, lookups, call.now)
    form = state.behaviour.word("cs_person_reply")
    if form == "records":
        return success({"count": 1, "errors": None, "records": [row]})
    shapes: dict[str, Any] = {
        "null": None,
        "gsid": {"Gsid": row["Gsid"]},
        "record": row,
        "text": "Person upserted successfully",
    }
    return success(shapes[form])


def get_person(state: State, call: Call) -> Answer:
    by_email = {name.lower(): value for name, value in call.query.items()}
    email, gsid = by_email.get("email"), by_email.get("gsid")
    if not email and not gsid:
        raise RefusalError("GSOBJ_VQP1001", "Query parameter is empty.")
    row = state.people.find(email) if email else state.cs.people.rows.get(gsid or "")
    if row is None:
        return failure(400, "GSOBJ_1011", "No entity matches the given criteria.")
    return success(row)


def put_people_async(state: State, call: Call) -> Answer:
    if state.behaviour.word("cs_async_service") == "gone":
        return failure(404, "GSOBJ_1023", "Invalid API path")
    form = state.behaviour.word("cs_async_body")
    body: Any = {"list": call.json()} if form == "list" else call.json_object()
    job = state.people.accept(body.get(form), body.get("lookups"), call.now)
    shapes: dict[str, Any] = {
        "object": {"statusId": job.status_id},
        "text": job.status_id,
        "list": [{"statusId": job.status_id}],
        "without": None,
    }
    return success(shapes[state.behaviour.word("cs_async_reply")])


def get_people_status(state: State, call: Call) -> Answer:
    place = "status" if "/async/status/" in call.raw_path else "plain"
    if state.behaviour.word("cs_async_status_path") not in ("both", place):
        return failure(404, "GSOBJ_1023", "Invalid API path")
    state.people.settle(call.now)
    job = state.people.jobs.get(call.params["status_id"])
    if job is None:
        return failure(400, "GSOBJ_1011", "No entity matches the given criteria.")
    return success(_status(job, call.now, state.behaviour.word("cs_async_report")))


def _status(job: Job, now: float, form: str) -> dict[str, Any]:
    if job.processed:
        word = "COMPLETED"
    else:
        word = "INIT" if now < (job.accepted_at + job.due_at) / 2 else "INPROGRESS"
    told: dict[str, Any] = {
        "statusId": job.status_id,
        "status": word,
        "totalCount": len(job.records),
        "successCount": len(job.done),
        "failedCount": len(job.errors),
    }
    if form == "full":
        told["success"] = job.done
    if form != "counts":
        left_out = {"values": ("rowNumber",), "numbers": ("fieldName", "invalidValue")}.get(form, ())
        told["errors"] = [
            {name: value for name, value in error.items() if name not in left_out} for error in job.errors
        ]
    return told


def insert_records(state: State, call: Call) -> Answer:
    body = call.json_object()
    rows = state.cs.insert(call.params["object"], body.get("records"), body.get("lookups"), call.now)
    return _written(state, [{"Gsid": row["Gsid"]} for row in rows])


def update_records(state: State, call: Call) -> Answer:
    body = call.json_object()
    keys = call.query.get("keys", "")
    records, lookups = body.get("records"), body.get("lookups")
    return _written(state, state.cs.update(call.params["object"], records, keys, lookups, call.now))


def _written(state: State, rows: list[dict[str, Any]]) -> Answer:
    ordered = rows[::-1] if state.behaviour.word("cs_record_order") == "reversed" else rows
    return success({"count": len(rows), "errors": None, "records": ordered})


def read_records(state: State, call: Call) -> Answer:
    state.people.settle(call.now)
    rows = state.cs.read(call.params["object"], call.json_object())
    form = state.behaviour.word("cs_no_rows")
    if not rows and form == "error_400":
        return failure(400, "GSOBJ_1011", "No entity matches the given criteria.")
    if not rows and form == "result_false":
        return failure(200, None, "No data found for given criteria")
    return success({"records": rows} if state.behaviour.word("cs_read_shape") == "records" else rows)


def delete_record(state: State, call: Call) -> Answer:
    state.cs.delete(call.params["object"], call.params["gsid"])
    return success("Record deleted successfully")


def post_event(state: State, call: Call) -> Answer:
    needed = ["tenantId", "eventName", "eventVersion"]
    if state.behaviour.word("cs_event_topic") == "required":
        needed.append("topicName")
    missing = [name for name in needed if not call.header(name)]
    if missing:
        return failure(400, None, f"Missing header: {', '.join(missing)}")
    event = {
        "at": call.now,
        "tenantId": call.header("tenantId"),
        "topicName": call.header("topicName") or None,
        "eventName": call.header("eventName"),
        "eventVersion": call.header("eventVersion"),
        "contractId": call.header("contractId") or None,
        "properties": call.json_object(),
    }
    state.cs.publish(event)
    form = state.behaviour.word("cs_event_reply")
    if form == "empty":
        return Answer(200)
    return success("Event accepted" if form == "text" else None)


def post_token(state: State, call: Call) -> Answer:
    kind, _, encoded = call.header("authorization").partition(" ")
    try:
        client, _, secret = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        client = secret = ""
    good = kind.lower() == "basic" and state.behaviour.accepts(secret, "cs_access_keys")
    if not client or not good:
        return auth_failure(state.behaviour.word("cs_auth_refusal"))
    if b"grant_type=client_credentials" not in call.body:
        return failure(400, None, "grant_type must be client_credentials")
    token = token_urlsafe(32)
    state.add_token(token, call.now + TOKEN_SECONDS)
    return json_answer(
        200, {"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS, "scope": ""}
    )


def answer_refusal(state: State, refusal: RefusalError) -> Answer:
    return refusal_answer(refusal, state.behaviour.word("cs_error_nesting"))


def answer_unreadable(_: State, error: UnreadableError) -> Answer:
    return failure(400, "GSOBJ_1002", str(error))


def _route(method: str, template: str, handler: Any, login: str = "cs", family: str = "cs") -> Route:
    return Route("cs", method, template, handler, login=login, family=family)


CS_ROUTES = (
    _route("PUT", OLD_PEOPLE, put_person),
    _route("PUT", NEW_PEOPLE, put_person),
    _route("POST", "/v1.0/api/eventManager/event", post_event, login="cs_event"),
    _route("POST", "/v1/data/objects/query/{object}", read_records),
    _route("POST", "/v1/data/objects/{object}", insert_records),
    _route("PUT", "/v1/data/objects/{object}", update_records),
    _route("DELETE", "/v1/data/objects/{object}/{gsid}", delete_record),
    _route("GET", OLD_PEOPLE, get_person),
    _route("GET", NEW_PEOPLE, get_person),
    _route("PUT", NEW_PEOPLE + "/async", put_people_async, family="cs_async"),
    _route("GET", NEW_PEOPLE + "/async/{status_id}", get_people_status, family="cs_status"),
    _route("GET", NEW_PEOPLE + "/async/status/{status_id}", get_people_status, family="cs_status"),
    *METADATA_ROUTES,
    _route("POST", "/v1/users/m2m/oauth/token", post_token, login="none", family="none"),
)
