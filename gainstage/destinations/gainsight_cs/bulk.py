"""People in bulk: up to 50 in an asynchronous call, whose status is asked for later. Off by default.

An accepted call answers with a status id; what becomes of each row is known when its status is COMPLETED,
after up to 30 minutes [documented]. There are limits of 10 asynchronous calls an hour and 100 a day; whether
it counts against those or the synchronous ones is not documented: it is counted in both, and each question in
the synchronous ones. A person whose fate the status does not tell beyond doubt goes by a single call:
repeating a keyed upsert does no harm.
"""

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from math import ceil
from typing import Any
from urllib.parse import quote

import msgspec

from gainstage.destination import (
    Allowance,
    Backlog,
    CallFailed,
    Exchange,
    Gather,
    Request,
    Response,
    Settled,
    Work,
)
from gainstage.destinations.gainsight_cs.answers import field_errors, read_answer
from gainstage.destinations.gainsight_cs.bulk_report import Report, judge, read_report, status_id, values_of
from gainstage.destinations.gainsight_cs.calls import object_request
from gainstage.destinations.gainsight_cs.people import content, known_gsids, links_of, person_body, upsert
from gainstage.destinations.gainsight_cs.records import RECORDS_A_CALL
from gainstage.destinations.gainsight_cs.settings import BULK_FAMILY, CsSettings
from gainstage.outcome import Blocked, Delivered, Outcome, Rejected, Retry, Throttled

BULK_PATH = "/v1/peoplemgmt/v1.0/people/async"
#: Seconds before each question what became of a call: together more than the documented 30 minutes.
WAITS = (15, 30, 60, 120, 240, 480, 600, 600)
LONGEST_SECONDS = sum(WAITS)
#: What a bulk call may cost: itself, its questions, and one more where the status has the other address.
CALLS = 1 + len(WAITS) + 1
#: It must save two calls of three.
FEWEST_PEOPLE = 3 * CALLS
MOST_UNDER_WAY = 100
#: Over the limit of the asynchronous calls without being told for how long.
THROTTLED_SECONDS = 900.0
#: The tenant has no such call, or not in this form: people go singly meanwhile.
REFUSED_SECONDS = 3600.0

Asking = Generator[Request | Settled, Response | None, Report | Outcome]
Rows = Mapping[int, dict[str, Any]]


def gather(settings: CsSettings) -> Mapping[str, Gather]:
    """Which objects of a long backlog may go in bulk."""
    return {"person": partial(people_to_gather, settings)} if settings.people_bulk == "auto" else {}


def people_to_gather(settings: CsSettings, backlog: Backlog) -> int:
    """How many people the next bulk call takes; 0 where single calls do as well.

    It is worth its wait where single calls would take longer than it may, and its price where most of the
    calls are saved. It needs room in its own budget, and in the other one for the questions to come.
    """
    bulk = [one for one in backlog.allowances if one.budget.family == BULK_FAMILY]
    single = [one for one in backlog.allowances if one.budget.family != BULK_FAMILY]
    people = min(backlog.waiting, RECORDS_A_CALL)
    if settings.people_bulk != "auto" or people < FEWEST_PEOPLE or backlog.under_way >= MOST_UNDER_WAY:
        return 0
    if not bulk or any(one.free < 1 for one in bulk):
        return 0
    questions = CALLS * (backlog.under_way + 1)
    if any(one.free < (questions if one.budget.window_seconds > LONGEST_SECONDS else 1) for one in single):
        return 0
    wait = max((seconds_for(backlog.waiting, one) for one in single), default=0.0)
    return people if wait > LONGEST_SECONDS else 0


def seconds_for(calls: int, allowance: Allowance) -> float:
    """How long a budget takes for so many calls, to a window."""
    budget = allowance.budget
    return ceil(max(0, calls - allowance.free) / budget.usable) * budget.window_seconds


def exchange_bulk(settings: CsSettings, works: Sequence[Work]) -> Exchange:
    """All in one call, but those that need calls of their own first; where most do, each by itself."""
    found = ((index, row_of(settings, work)) for index, work in enumerate(works))
    rows = {index: row for index, row in found if row is not None}
    if len(rows) * 2 <= len(works):
        rows = {}
    for index, work in enumerate(works):
        if index not in rows:
            yield from upsert(settings, index, work)
    if not rows:
        return
    response = yield bulk_request(settings, rows)
    assert response is not None
    accepted = read_answer(settings, response)
    if accepted is not None:
        yield from refused(settings, works, rows, response, accepted)
        return
    report = yield from ask(settings, status_id(response), rows)
    if not isinstance(report, Report):
        for index in rows:
            yield Settled(index, report, occupied=isinstance(report, Throttled))
        return
    yield from settle(settings, works, rows, judge(settings, works, rows, report))


def row_of(settings: CsSettings, work: Work) -> dict[str, Any] | None:
    """A person's row; None where it takes a read first, or nothing is to be said."""
    links, body = links_of(work), person_body(settings, work)
    gsids = known_gsids(work, links)
    if gsids.keys() != links.keys() or settings.if_empty.among(body):
        return None
    if "Email" not in work.fields and not body and not links:
        return None
    return content(work, body, links, gsids)


def bulk_request(settings: CsSettings, rows: Rows) -> Request:
    """The body's key is derived from what connectors call it: Records."""
    request = object_request(settings, "PUT", BULK_PATH, {"records": list(rows.values())}, tuple(rows))
    return msgspec.structs.replace(
        request, family=BULK_FAMILY, also=("",), occupies_seconds=float(LONGEST_SECONDS)
    )


def refused(
    settings: CsSettings, works: Sequence[Work], rows: Rows, response: Response, outcome: Outcome
) -> Exchange:
    """The call as a whole was not accepted: nobody in it is at fault by that.

    Where a value is named, single calls find whose. Else the tenant has no such call, and it rests a while.
    """
    named = {error.field for error in field_errors(response)}
    if isinstance(outcome, Rejected) and any(named & values_of(row).keys() for row in rows.values()):
        yield from settle(settings, works, rows, {})
        return
    if isinstance(outcome, Throttled) and "retry-after" not in response.headers:
        outcome = Throttled(THROTTLED_SECONDS, outcome.detail)
    elif isinstance(outcome, Rejected) or (
        isinstance(outcome, Blocked) and outcome.code != "credentials_refused"
    ):
        outcome = Throttled(REFUSED_SECONDS, f"Bulk calls are refused, single calls go on: {outcome.detail}")
    for index in rows:
        yield Settled(index, outcome, occupied=isinstance(outcome, Retry))


def ask(settings: CsSettings, status: str, rows: Rows) -> Asking:
    """Ask at growing intervals until the call is completed. The address is not documented: two are tried."""
    if not status:
        return Throttled(REFUSED_SECONDS, "The bulk call was accepted without a status id.")
    paths = [f"{BULK_PATH}/{quote(status, safe='')}", f"{BULK_PATH}/status/{quote(status, safe='')}"]
    waited, said = 0, ""
    for seconds in WAITS:
        waited += seconds
        left = float(LONGEST_SECONDS - waited)
        try:
            response = yield status_request(settings, paths[0], rows, float(seconds), left)
            assert response is not None
            outcome = read_answer(settings, response)
            if no_such_address(outcome) and len(paths) > 1:
                del paths[0]
                response = yield status_request(settings, paths[0], rows, 0.0, left)
                assert response is not None
                outcome = read_answer(settings, response)
                if no_such_address(outcome):
                    return Throttled(REFUSED_SECONDS, "Gainsight does not tell what became of the bulk call.")
        except CallFailed as failure:
            said = failure.detail
            continue
        if outcome is None:
            report = read_report(response)
            if report.over:
                return report
            said = report.word
        else:
            said = getattr(outcome, "detail", "")
    return Retry(
        "timeout", f"The bulk call was not completed within {LONGEST_SECONDS // 60} minutes ({said})."
    )


def no_such_address(outcome: Outcome | None) -> bool:
    """Whether the status is somewhere else, if anywhere."""
    return isinstance(outcome, Rejected) or (
        isinstance(outcome, Blocked) and outcome.code != "credentials_refused"
    )


def status_request(settings: CsSettings, path: str, rows: Rows, after: float, occupied: float) -> Request:
    """A question what became of the call."""
    request = object_request(settings, "GET", path, None, tuple(rows))
    return msgspec.structs.replace(request, body=b"", after_seconds=after, occupies_seconds=occupied)


def settle(
    settings: CsSettings, works: Sequence[Work], rows: Rows, known: Mapping[int, Rejected | Delivered]
) -> Exchange:
    """What is known at once; then the others, each by a call of its own."""
    for index, outcome in known.items():
        yield Settled(index, outcome)
    for index in rows:
        if index not in known:
            yield from upsert(settings, index, works[index])
