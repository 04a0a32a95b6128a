"""The conversation of the engine's works with PX: records, custom events, or whole messages."""

from collections.abc import Generator, Sequence

from gainstage.destination import Exchange, Request, Response, Settled, Work
from gainstage.destinations.gainsight_px.api import absent, call, path_of, read_answer
from gainstage.destinations.gainsight_px.push import push
from gainstage.destinations.gainsight_px.records import upsert
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.outcome import Blocked, Delivered, Filtered, Outcome, Retry

DENY_LIST = "/v1/users/denylist"
#: For so long, by the events' time, what the deny list said of a user holds.
DENIED_FOR_US = 86_400_000_000
#: Facts of a user: whether it was denied, and at the time of which event that was asked.
DENIED, ASKED_US = "denied", "denied_asked_us"

Asking = Generator[Request | Settled, Response | None, bool | Outcome]


def exchange(settings: PxSettings, works: Sequence[Work]) -> Exchange:
    """One record, event or message after the other: PX has no batch [documented]."""
    for index, work in enumerate(works):
        if settings.pushes:
            yield from push(settings, work, index)
        elif work.kind == "append":
            yield from custom_event(settings, work, index)
        else:
            yield from upsert(settings, work, index)


def custom_event(settings: PxSettings, work: Work, index: int) -> Exchange:
    """POST of the event, unless its user is denied and that is asked for."""
    denied = bool(work.facts.get(DENIED))
    facts = {}
    if settings.deny_list == "ask":
        asked_us = work.facts.get(ASKED_US)
        if asked_us is None or abs(work.time_us - asked_us) >= DENIED_FOR_US:
            told = yield from is_denied(settings, work, index)
            if not isinstance(told, bool):
                yield Settled(index, told)
                return
            denied = told
            facts = {DENIED: denied, ASKED_US: work.time_us}
        if denied:
            sentence = "The user is on the deny list of Gainsight PX, which would drop the event."
            yield Settled(index, Filtered("user_denied", sentence), facts)
            return
    response = yield from call(settings, "POST", "/v1/events/custom", work.fields, index, False)
    yield Settled(index, read_answer(settings, response) or Delivered(), facts)


def is_denied(settings: PxSettings, work: Work, index: int) -> Asking:
    """What the deny list says of a user [documented: `{denied: bool}`], or why it does not say anything.

    A user that PX does not have, or cannot be asked about, is not denied: PX drops the events of those that
    are all the same.
    """
    path = path_of(DENY_LIST, work.record.key.removeprefix("id:"))
    if path is None:
        return False
    response = yield from call(settings, "GET", path, None, index)
    if absent(response):
        return False
    outcome = read_answer(settings, response)
    if response.status == 400 and not isinstance(outcome, Blocked):
        return False
    if outcome is not None:
        return outcome
    body = response.json()
    denied = body.get("denied") if isinstance(body, dict) else None
    if isinstance(denied, bool):
        return denied
    return Retry("answer_unreadable", "The deny list answered without saying whether the user is on it.")
