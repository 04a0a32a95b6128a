"""Segment's own Gainsight destination through the whole server: order, single requests, accounts."""

from typing import Any

from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.integration.test_vendor_faults import calls, settled
from tests.messages import Message, identify, track
from tests.world import clickstream, configured, fetch

USERS = ("u1", "u2", "u3")


def of(sandbox: Running, user: str) -> list[Any]:
    """What arrived of a user, in order."""
    return [message["messageId"] for message in sandbox.state.messages if message["userId"] == user]


def test_each_message_is_one_request_and_a_users_arrive_in_order(
    make_world: MakeWorld, sandbox: Running
) -> None:
    given: list[Message] = []
    for number in range(12):
        for user in USERS:
            made = identify if number % 3 == 0 else track
            given.append(made(user, message_id=f"{user}-{number}"))
    fault = {"fault": "status", "status": 503, "api": "clickstream", "contains": "u2-4", "times": 2}
    fetch(f"{sandbox.url}/__sandbox__/faults", fault)
    world = make_world(configured(clickstream(sandbox.url)))
    world.start()
    world.take(*given)
    world.take({"type": "page", "messageId": "page", "userId": "u1"})
    settled(world, "clickstream", delivered=36, filtered=1)
    for user in USERS:
        assert of(sandbox, user) == [f"{user}-{number}" for number in range(12)]
    assert len(calls(sandbox)) == 36 + 2


def test_the_account_of_a_user_outlives_the_process(make_world: MakeWorld, sandbox: Running) -> None:
    world = make_world(configured(clickstream(sandbox.url)))
    world.start()
    world.take(
        identify("u1", "i", accountId="acct-1"),
        {"type": "group", "messageId": "g", "userId": "u2", "groupId": "acct-2"},
    )
    settled(world, "clickstream", delivered=2)
    world.kill()
    world.start()
    world.take(track("u1", message_id="t1"), track("u2", message_id="t2"), track("u3", message_id="t3"))
    world.take(track("u1", message_id="own", accountId="own"))
    settled(world, "clickstream", delivered=6)
    world.apply(configured(clickstream(sandbox.url, remember_account=False)))
    world.take(track("u1", message_id="off"))
    settled(world, "clickstream", delivered=7)
    found = {one["messageId"]: one.get("properties") for one in sandbox.state.messages}
    assert found == {
        "i": None, "g": None, "t1": {"accountId": "acct-1"}, "t2": {"accountId": "acct-2"}, "t3": {},
        "own": {"accountId": "own"}, "off": {},
    }  # fmt: skip
