"""What identifies and groups cost at Gainsight PX, in calls, beside what they cost one at a time.

Users and accounts are there already: known to us from earlier traffic, or PX has them and our store is new.
Engine, store and sandbox are the real ones, time is virtual. Run from the repository's root:

    python -m tests.benchmarks.px_calls [--quick]
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.benchmarks.virtual import World

USERS, ACCOUNTS, TIMES = 200, 40, 5
MEMBERS = USERS * TIMES
#: A client that remembers nothing looks up and writes the user; for a group the account, too.
IDENTIFY_ALONE, GROUP_ALONE = 2, 4
SETTINGS = {"api_key": "key", "product_tag_key": "AP-ABCDEFGHIJ-2"}
Message = dict[str, Any]


class PxWorld(World):
    """PX instead of CS."""

    destination = "gainsight_px"


class Figures(NamedTuple):
    """Calls for so many events, and for the same said again."""

    events: int
    calls: int
    again: int
    #: Kinds of calls that were made at first, each with how many.
    kinds: dict[str, int]


def main() -> int:
    """Print the table."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--quick", action="store_true", help="the same: it takes seconds")
    arguments.parse_args()
    print(f"{'calls for':44} {'known to us':>12} {'new store':>10} {'one at a time':>14}")
    for told, measure, alone in (
        (f"{MEMBERS:,} identifies of {USERS} users", identifies, IDENTIFY_ALONE),
        (f"{MEMBERS:,} groups of {MEMBERS:,} users in {ACCOUNTS} accounts", groups, GROUP_ALONE),
    ):
        with tempfile.TemporaryDirectory() as known, tempfile.TemporaryDirectory() as new:
            ours, theirs = measure(Path(known), known=True), measure(Path(new), known=False)
        print(f"{told:44} {ours.calls:12,} {theirs.calls:10,} {ours.events * alone:14,}")
        print(f"{'  said again, unchanged':44} {ours.again:12,} {theirs.again:10,} {ours.events * alone:14,}")
    return 0


def identifies(folder: Path, *, known: bool) -> Figures:
    """Each user is identified five times with news, and then five times without."""
    before = [identify(user, 0) for user in range(USERS)]
    news = [identify(user, version) for version in range(1, TIMES + 1) for user in range(USERS)]
    same = [identify(user, TIMES) for _ in range(TIMES) for user in range(USERS)]
    return measured(folder, before, news, same, known=known)


def groups(folder: Path, *, known: bool) -> Figures:
    """Each user joins an account, of which each call says news; and then all say the same again."""
    before = [identify(user, 0) for user in range(MEMBERS)]
    before += [group(account, account, 0) for account in range(ACCOUNTS)]
    news = [group(user, user * 7 % ACCOUNTS, 1 + user // ACCOUNTS) for user in range(MEMBERS)]
    last = {message["groupId"]: message["traits"] for message in news}
    same = [{**message, "traits": last[message["groupId"]]} for message in news]
    return measured(folder, before, news, same, known=known)


def identify(user: int, version: int) -> Message:
    traits = {"email": f"u{user}@acme.test", "name": f"User {user}", "title": f"Title {version}"}
    return {"type": "identify", "userId": f"u-{user}", "traits": traits}


def group(user: int, account: int, version: int) -> Message:
    traits = {"name": f"Account {account}", "employees": 5, "numberOfEmployees": 10 + version}
    return {"type": "group", "userId": f"u-{user}", "groupId": f"a-{account}", "traits": traits}


def measured(
    folder: Path, before: Sequence[Message], news: Sequence[Message], same: Sequence[Message], *, known: bool
) -> Figures:
    """Live through three times a few seconds. `known`: what was before went through us."""
    world = PxWorld(folder, SETTINGS, 1)
    calls: list[int] = []

    async def live() -> None:
        world.start()
        for number, messages in enumerate((before if known else (), news, same)):
            await world.live(
                ((1.0, msgspec.json.encode({**message, "messageId": f"{number}-{place}"}))
                 for place, message in enumerate(messages)),
                60.0, (),
            )  # fmt: skip
            while world.rows("SELECT count(*) FROM delivery WHERE word = 4")[0][0]:
                await world.clock.sleep(60)
                world.check()
            calls.append(len(world.transport.made))
        await world.stop()

    if not known:
        world.transport.sandbox.state.seed({"px": seed_of(before)})
    try:
        world.clock.run(live())
        world.open()
        (delivered,) = world.rows("SELECT count(*) FROM delivery WHERE word = 0")[0]
        said = [*(before if known else ()), *news, *same]
        if delivered != len(said):
            raise RuntimeError(f"{delivered} of {len(said)} events were delivered.")
    finally:
        world.close()
    kinds: dict[str, int] = {}
    for _, kind in world.transport.made[calls[0] : calls[1]]:
        name = kind.split("/")[2]
        kinds[name] = kinds.get(name, 0) + 1
    return Figures(len(news), calls[1] - calls[0], calls[2] - calls[1], kinds)


def seed_of(messages: Sequence[Message]) -> dict[str, list[dict[str, Any]]]:
    """Users and accounts as PX has them when others wrote what the messages say."""
    tags = [SETTINGS["product_tag_key"]]
    users = {m["userId"]: {"identifyId": m["userId"], "propertyKeys": tags} for m in messages}
    accounts = {
        m["groupId"]: {"id": m["groupId"], "name": m["traits"]["name"], "propertyKeys": tags}
        for m in messages
        if m["type"] == "group"
    }
    return {"users": list(users.values()), "accounts": list(accounts.values())}


if __name__ == "__main__":
    sys.exit(main())
