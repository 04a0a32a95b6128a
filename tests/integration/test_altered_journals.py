"""The real server, killed, and a bit of its write-ahead log flipped: everything acknowledged is delivered."""

import os
import signal
from collections.abc import Callable
from typing import Any

from tests.messages import track
from tests.world import World, clickstream, configured, wait_for


def test_a_bit_that_flips_while_the_server_is_down_costs_no_acknowledged_event(
    make_world: Callable[[dict[str, Any]], World], sandbox: Any
) -> None:
    world = make_world(configured(clickstream(sandbox.url)))
    world.start()
    world.take(track("first"))
    wait_for(lambda: world.counts("clickstream")["delivered"] == 1)
    delivery = world.delivery_pid()
    os.kill(delivery, signal.SIGSTOP)  # what comes now stands in the log alone
    for number in range(20):
        world.take(*(track(f"user-{number}", text="x" * 2_000) for _ in range(5)))
    world.kill()
    os.kill(delivery, signal.SIGKILL)
    journal = world.data / "log.db-wal"
    content = bytearray(journal.read_bytes())
    content[len(content) // 3] ^= 0x10
    journal.write_bytes(content)
    world.start()
    wait_for(lambda: world.counts("clickstream")["delivered"] == 101)
    assert "write_ahead_log_mended" in world.said()
