"""`check`: what can be told of keys, data center and permissions without writing anything."""

from collections.abc import Callable, Sequence

from gainstage.destination import (
    CallFailed,
    Check,
    Exchange,
    Finding,
    Request,
    Response,
    Settled,
    Work,
    unasked,
)
from gainstage.destinations.gainsight_px.api import has_api_error, is_page, read_answer, reason, request
from gainstage.destinations.gainsight_px.push import push_request, read_push
from gainstage.destinations.gainsight_px.settings import PUSH_REGIONS, REGIONS, PxSettings
from gainstage.outcome import Blocked, Delivered, Outcome, Retry

READ_PATH, WRITE_PATH = "/v1/users?pageSize=1", "/v1/users"
#: A user needs `identifyId` and `propertyKeys` [documented]: of this one nothing can come.
NOTHING = b"{}"
TAG_KEY_UNKNOWN = (
    "Whether the tag key is right cannot be known without writing; it shows with the first event."
)


def check(settings: PxSettings) -> Check:
    """A read and a write without content; with `mode: segment_push` an empty list."""
    if settings.pushes:
        yield from check_push(settings)
    else:
        yield from check_rest(settings)


def canary(settings: PxSettings, works: Sequence[Work]) -> Exchange:
    """List one user: a key that may not read is answered all the same. Where messages are pushed there is
    nothing that could be read, and nothing is asked.
    """
    if settings.pushes:
        yield from unasked(works)
        return
    for index in range(len(works)):
        response = yield request(settings, "GET", READ_PATH, works=(index,))
        assert response is not None
        if accepts(settings, response):
            yield Settled(index, Delivered())
        else:
            told = Retry("answer_unreadable", f"HTTP {response.status}")
            yield Settled(index, read_answer(settings, response) or told)


def check_rest(settings: PxSettings) -> Check:
    """List one user; then post a user without its required fields."""
    response = yield request(settings, "GET", READ_PATH)
    assert response is not None
    if not accepts(settings, response):
        yield from not_accepted(settings, response)
        return
    reads = response.status == 200
    written = yield request(settings, "POST", WRITE_PATH, NOTHING)
    assert written is not None
    writes = may_write(settings, written)
    accepted = f"The API key is accepted by {called(settings)}"
    if writes is False and not reads:
        sentence = f"{accepted}, or known there at least, but may neither read nor write: {reason(written)}"
        yield Finding("error", "api_key", sentence)
        yield from look_elsewhere(settings)
        return
    if writes is False:
        sentence = f"{accepted}, but it may not write; give it the permission Write: {reason(written)}"
        yield Finding("error", "api_key", sentence)
        return
    yield Finding("ok", "api_key", f"{accepted}{'' if writes is None else ' and may write'}.")
    if not reads:
        yield Finding("warning", "api_key", f"{not_reading(settings)} {reason(response)}")
    if writes is None:
        sentence = f"Whether the API key may write could not be told: HTTP {written.status}."
        yield Finding("warning", "api_key", f"{sentence} {reason(written)}".strip())
    yield Finding("unknown", "product_tag_key", TAG_KEY_UNKNOWN)


def called(settings: PxSettings) -> str:
    """Who was asked: the data center, unless another address is set in its place."""
    if settings.api_url is None:
        return f"the data center {settings.data_center}"
    return f"{settings.api_url} (api_url, in place of the data center {settings.data_center})"


def not_reading(settings: PxSettings) -> str:
    """What a key without the permission Read means."""
    if settings.deny_list == "ask":
        return "The API key may not read, and `deny_list: ask` has to; give it the permission Read."
    return "The API key may not read. Events go all the same; what is there cannot be looked up."


def accepts(settings: PxSettings, response: Response) -> bool:
    """Whether a data center knows the key, also where it may not read: a refused key is answered with 401
    [documented], and a page comes from the edge [seen in clients].
    """
    if response.status == 200:
        return isinstance(response.json(), dict) and not has_api_error(response)
    forbidden = response.status == 403 and has_api_error(response)
    return forbidden and "Authentication failed" not in reason(response)


def may_write(settings: PxSettings, response: Response) -> bool | None:
    """What the answer to a write without content says: 400 for the missing fields, or 403; else None."""
    if response.status == 400 and not is_page(response):
        return None if isinstance(read_answer(settings, response), Blocked) else True
    return False if response.status in (401, 403) and not is_page(response) else None


def not_accepted(settings: PxSettings, response: Response) -> Check:
    """Why, as far as the answer says."""
    outcome = read_answer(settings, response)
    if isinstance(outcome, Blocked) and outcome.code == "credentials_refused":
        yield Finding("error", "api_key", f"Gainsight PX refuses the API key: {outcome.detail}")
        yield from look_elsewhere(settings)
    else:
        yield not_the_api(settings, outcome, response)


def not_the_api(settings: PxSettings, outcome: Outcome | None, response: Response) -> Finding:
    """For answers that tell nothing of keys."""
    name = "api_url" if settings.api_url else "data_center"
    told = getattr(outcome, "detail", "") or f"HTTP {response.status}"
    if isinstance(outcome, Blocked):
        return Finding("error", name, f"What answers there is not the Gainsight PX API: {told}")
    return Finding("error", name, f"Gainsight PX does not answer as expected: {told}")


def look_elsewhere(settings: PxSettings) -> Check:
    """Whether another data center accepts the API key."""
    yield from ask_elsewhere(
        settings,
        REGIONS,
        lambda address: request(settings, "GET", READ_PATH, address=address),
        lambda response: accepts(settings, response),
    )


def ask_elsewhere(
    settings: PxSettings,
    addresses: dict[str, str],
    ask: Callable[[str], Request],
    takes: Callable[[Response], bool],
) -> Check:
    """Ask the other data centers; one that does not answer says nothing."""
    if settings.api_url is not None:
        return
    for region, address in addresses.items():
        if region == settings.data_center:
            continue
        try:
            response = yield ask(address)
        except CallFailed:
            continue
        assert response is not None
        if takes(response):
            sentence = f"The data center {region} accepts this key: set `data_center` to {region}."
            yield Finding("error", "data_center", sentence)


def check_push(settings: PxSettings) -> Check:
    """Post an empty list: 400 with a good tag key, 401 with another [seen in clients: the vendor's tests]."""
    response = yield push_request(settings, b"[]")
    assert response is not None
    if takes_tag_key(response):
        sentence = f"The tag key is accepted by {called(settings)}."
        yield Finding("ok", "product_tag_key", sentence)
        sentence = "What Gainsight PX makes of the messages cannot be known without sending some."
        yield Finding("unknown", "", sentence)
        return
    outcome = read_push(response)
    if isinstance(outcome, Blocked) and outcome.code == "credentials_refused":
        yield Finding("error", "product_tag_key", f"Gainsight PX refuses the tag key: {outcome.detail}")
        yield from ask_elsewhere(
            settings,
            PUSH_REGIONS,
            lambda address: push_request(settings, b"[]", address=address),
            takes_tag_key,
        )
    else:
        yield not_the_api(settings, outcome, response)


def takes_tag_key(response: Response) -> bool:
    """Whether an empty list was refused for being empty, or even taken."""
    refused = response.status == 400 and not is_page(response)
    return refused or (response.status == 200 and read_push(response) is None)
