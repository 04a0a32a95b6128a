"""A server that some events have gone through, for tests of the pages that show them."""

from typing import Any

from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.reader import admit
from tests.messages import group, identify, track
from tests.world import WORDS, World, configured, cs, fetch, px, wait_for


def counts(world: World, destination: str) -> dict[str, Any]:
    """What became of events there, asked over HTTP: an event loop runs in this thread."""
    rows = fetch(f"{world.address}/status")["connections"]
    return next((row for row in rows if row["destination"] == destination), dict.fromkeys(WORDS, 0))


def happened(make_world: MakeWorld, sandbox: Running) -> World:
    """A server that some events have gone through: delivered, parked without an e-mail, failed, refused."""
    made = make_world(configured(cs(sandbox.url), px(sandbox.url)))
    made.start()
    for role in ("admin", "editor", "viewer"):
        admit(made, f"{role}@acme.com", role)
    made.take(
        identify("ann", "ann-1", email="ann@acme.com", firstName="Ann"),
        group("ann", "Acme", "ann-2", known=False),
        track("ann", "Used", "ann-3", format="pdf"),
        track("ann", "Never Mapped", "ann-4"),
        {"type": "identify", "userId": "bob", "messageId": "bob-1", "traits": {"firstName": "Bob"}},
        {"type": "identify", "userId": "cleo", "messageId": "cleo-1", "traits": {"firstName": "Cleo"}},
        {"type": "order", "userId": "dan", "messageId": "dan-1"},
    )
    wait_for(lambda: counts(made, "cs")["delivered"] == 3 and counts(made, "cs")["parked"] == 2)
    wait_for(lambda: counts(made, "px")["pending"] == 0 and counts(made, "px")["delivered"] >= 3)
    return made
