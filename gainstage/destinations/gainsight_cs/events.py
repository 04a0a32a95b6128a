"""Events for the Events Framework: one call each, never merged, not safe to repeat."""

from collections.abc import Sequence

from gainstage.destination import CallFailed, Exchange, Response, Settled, Work
from gainstage.destinations.gainsight_cs.answers import read_answer
from gainstage.destinations.gainsight_cs.calls import event_request
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.outcome import Delivered, Outcome, Retry, Unknown


def exchange_events(settings: CsSettings, works: Sequence[Work]) -> Exchange:
    """Publish each; what becomes of one whose answer is lost is the admin's choice (`on_unknown`)."""
    for index, work in enumerate(works):
        if work.in_doubt and settings.on_unknown == "hold":  # the process ended in the middle of its call
            yield Settled(index, Unknown("answer_lost", "gainstage was ended during the call.", hold=True))
            continue
        headers, properties = work.fields.get("headers", {}), work.fields.get("properties", {})
        try:
            response = yield event_request(settings, headers, properties, index)
        except CallFailed as failure:
            outcome = lost(settings, failure.code, failure.detail) if failure.sent else None
            yield Settled(index, outcome or Retry(failure.code, failure.detail))
            continue
        assert response is not None
        yield Settled(index, read_event_answer(settings, work, response))


def read_event_answer(settings: CsSettings, work: Work, response: Response) -> Outcome:
    """The envelope is assumed; the form of this answer is not documented.

    So a 2xx that confirms nothing leaves it unknown whether the event arrived. Once a repeated event meets
    such an answer again, the tenant's answers just have no envelope: it counts as taken, and is not sent for
    ever.
    """
    outcome = read_answer(settings, response)
    if outcome is None:
        return Delivered()
    if not isinstance(outcome, Retry) or outcome.code != "answer_unreadable":
        return outcome
    wordless = response.body.lstrip()[:1] not in (b"<", b"{", b"[")
    if work.in_doubt and wordless and response.status < 300:
        return Delivered(detail="Answered by 2xx without an envelope, twice: taken as accepted.")
    return lost(settings, outcome.code, outcome.detail)


def lost(settings: CsSettings, code: str, detail: str) -> Unknown:
    """Sent, and not known whether it arrived."""
    if settings.on_unknown == "hold":
        return Unknown("answer_lost", detail, hold=True)
    return Unknown(code, detail)
