"""Puts the parts together: the only module that knows them all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.applications import Starlette

from gainstage_sandbox.control import control_routes
from gainstage_sandbox.gate import Sandbox, Sleep
from gainstage_sandbox.page import page_routes
from gainstage_sandbox.state import State


def create_app(clock: Callable[[], float] = time.time, sleep: Sleep = asyncio.sleep) -> Sandbox:
    """The sandbox as an ASGI application; `clock` gives seconds since the epoch, `sleep` delays faults."""
    state = State(clock)
    control = Starlette(routes=[*control_routes(state), *page_routes(state)])
    return Sandbox(state, control, sleep)
