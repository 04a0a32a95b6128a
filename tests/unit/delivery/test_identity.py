"""What is remembered of users: who is behind a device, their e-mail and account, who waits for news."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gainstage.delivery.identity import keys, learn, resolve, watched
from gainstage.event import Event
from gainstage.store import Store
from gainstage.store.contract import Intake
from tests.unit.delivery.workshop import START_US, Settings, opened, status

MAIL = "ann@x.example"


@pytest.fixture
def intake() -> Iterator[Intake]:
    with Store.passing() as transaction:
        yield transaction.intake


def event(kind: str = "track", user: str = "", device: str = "", *, at: int = 0, **rest: Any) -> Event:
    """An event of a user or device, `at` seconds after the start."""
    time_us = START_US + at * 1_000_000
    return Event(
        kind=kind, message_id=f"m-{at}", source="app", user_id=user, anonymous_id=device,
        time_us=time_us, received_us=time_us, **rest,
    )  # fmt: skip


def identify(user: str = "", device: str = "", email: str = "", *, at: int = 0, **traits: Any) -> Event:
    return event("identify", user, device, at=at, traits=({"email": email} if email else {}) | traits)


def test_nothing_is_known_of_a_stranger(intake: Intake) -> None:
    found = resolve(intake, event(user="u"))
    assert (found.user_id, found.email, found.account) == ("u", "", "")


def test_an_email_is_known_from_the_identify_before(intake: Intake) -> None:
    learn(intake, identify("u", email=f" {MAIL} ", accountId=7))
    found = resolve(intake, event(user="u"))
    assert (found.email, found.account) == (MAIL, "7")


def test_an_email_is_known_from_the_context_of_any_call(intake: Intake) -> None:
    learn(intake, event("track", "u", context_traits={"email": MAIL}))
    assert resolve(intake, event(user="u")).email == MAIL


@pytest.mark.parametrize("value", ["", "no address", 7, None, ["a@x"], {"a": 1}, True])
def test_what_is_no_email_is_not_remembered(intake: Intake, value: Any) -> None:
    assert learn(intake, event("identify", "u", traits={"email": value})) == ()
    assert resolve(intake, event(user="u")).email == ""


def test_the_newest_email_wins_in_any_order_of_arrival(intake: Intake) -> None:
    learn(intake, identify("u", email="new@x.example", at=5))
    assert learn(intake, identify("u", email="old@x.example", at=3)) == ()
    assert resolve(intake, event(user="u")).email == "new@x.example"


def test_a_group_is_the_users_account(intake: Intake) -> None:
    learn(intake, event("group", "u", group_id="acme"))
    assert resolve(intake, event(user="u")).account == "acme"


def test_a_device_leads_to_its_user(intake: Intake) -> None:
    learn(intake, identify("u", "device"))
    learn(intake, identify("u", email=MAIL, at=1))
    found = resolve(intake, event(device="device"))
    assert (found.user_id, found.email) == ("u", MAIL)


def test_a_user_takes_over_what_was_known_of_the_nameless_device(intake: Intake) -> None:
    learn(intake, identify(device="device", email=MAIL))
    assert learn(intake, event("track", "u", "device", at=1)) == ("u:u", "a:device")
    assert resolve(intake, event(user="u")).email == MAIL


def test_a_second_user_of_a_device_does_not_get_the_firsts_email(intake: Intake) -> None:
    learn(intake, identify("first", "device", MAIL, accountId="acme"))
    second = event("track", "second", "device", at=1)
    assert resolve(intake, second).email == ""
    learn(intake, second)
    for known in (event(user="second", at=2), second, event(device="device", at=2)):
        found = resolve(intake, known)
        assert (found.user_id, found.email, found.account) == ("second", "", "")
    assert resolve(intake, event(user="first", at=2)).email == MAIL


def test_an_alias_brings_the_email_of_the_old_id(intake: Intake) -> None:
    learn(intake, identify("old", email=MAIL))
    assert learn(intake, event("alias", "new", previous_id="old", at=1)) == ("u:new", "u:old", "a:old")
    assert resolve(intake, event(user="new")).email == MAIL


def test_an_alias_of_an_id_to_itself_forgets_nobody_that_it_was_joined_with(intake: Intake) -> None:
    learn(intake, event("alias", "new", previous_id="old", at=1))
    learn(intake, event("alias", "old", previous_id="old", at=2))
    assert "u:new" in watched(intake, event("identify", "old", at=3))


def test_an_alias_brings_the_email_of_the_new_id(intake: Intake) -> None:
    learn(intake, identify("new", email=MAIL))
    assert "u:old" in learn(intake, event("alias", "new", previous_id="old", at=1))
    assert resolve(intake, event(user="old")).email == MAIL


def test_nothing_new_is_no_news(intake: Intake) -> None:
    assert learn(intake, identify("u", "device", MAIL)) == ("u:u", "a:device")
    assert learn(intake, identify("u", "device", MAIL, at=1)) == ()


def test_an_event_watches_every_row_that_its_email_may_come_from(intake: Intake) -> None:
    learn(intake, identify("u", "device"))
    learn(intake, event("alias", "new", previous_id="u", at=1))
    assert keys(event(user="u", device="device")) == ("u:u", "a:device")
    assert set(watched(intake, event(device="device"))) == {"a:device", "u:u", "u:new"}


PARKED = {"type": "track", "event": "Used"}
SET_FREE = {
    "the user's own": [({}, {"userId": "u"}), ({"type": "identify"}, {"userId": "u"}, MAIL)],
    "the device's": [({}, {"anonymousId": "d"}), ({"type": "identify"}, {"anonymousId": "d"}, MAIL)],
    "the device's user, later": [
        ({}, {"anonymousId": "d"}),
        ({"type": "identify"}, {"userId": "u", "anonymousId": "d"}),
        ({"type": "identify"}, {"userId": "u"}, MAIL),
    ],
    "the new id, later": [
        ({}, {"userId": "old"}),
        ({"type": "alias", "previousId": "old"}, {"userId": "u"}),
        ({"type": "identify"}, {"userId": "u"}, MAIL),
    ],
    "the old id, later": [
        ({}, {"userId": "u"}),
        ({"type": "alias", "previousId": "old"}, {"userId": "u"}),
        ({"type": "identify"}, {"userId": "old"}, MAIL),
    ],
}


@pytest.mark.anyio
@pytest.mark.parametrize("steps", SET_FREE.values(), ids=SET_FREE)
async def test_news_of_an_email_sets_parked_events_free(tmp_path: Path, steps: list[Any]) -> None:
    with opened(tmp_path) as shop:
        for message, who, *email in steps:
            given = {**PARKED, **message, "userId": None, **who}
            await shop.take({**given, "traits": {"email": email[0]}} if email else given)
            if not email:
                await shop.deliver(3)
                assert shop.outcome("m-1") == ("parked", "email_missing")
        await shop.deliver(5)
        assert shop.outcome("m-1")[0] == "delivered"
        assert [event["name"] for event in shop.vendor.events] == ["Used"]
        assert shop.column("SELECT count(*) FROM parked") == [0]


@pytest.mark.anyio
async def test_every_parked_event_of_a_user_is_set_free_in_order(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        await shop.take(*({**PARKED, "event": f"e{n}"} for n in range(1_100)))
        await shop.deliver(2)
        assert shop.counts == {"parked": 1_100}
        await shop.take({"type": "identify", "traits": {"email": MAIL}}, {**PARKED, "event": "last"})
        shop.vendor.answer = lambda request: status(503)
        await shop.work(4)
        assert shop.counts == {"pending": 1_102}
        wanted = [f"e{n}" for n in range(1_100)] + ["last"]
        query = "SELECT content ->> 'name' FROM operation WHERE kind = 1 ORDER BY id"
        assert shop.column(query) == wanted


@pytest.mark.anyio
async def test_a_parked_event_fails_when_its_time_is_over_and_can_be_retried(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings()}) as shop:
        await shop.take(PARKED)
        await shop.deliver(3)
        shop.clock.forward(7 * 86_400)
        await shop.work()
        assert shop.outcome("m-1") == ("failed", "parked_too_long")
        assert shop.column("SELECT count(*) FROM parked") == [0]
        await shop.take({"type": "identify", "traits": {"email": MAIL}})
        await shop.deliver(5)
        assert shop.outcome("m-1") == ("failed", "parked_too_long")
