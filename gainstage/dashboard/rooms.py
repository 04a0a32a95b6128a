"""What the dashboard consists of: rooms, each with its pages and a place in the menu."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from starlette.responses import Response

from gainstage.accounts import VIEWER, Role
from gainstage.dashboard.visit import Visit

View = Callable[[Visit], Awaitable[Response]]


class Room(NamedTuple):
    """Pages that belong together. `routes` names the views of each path by method; what is in `open_to_all`
    is shown without a session. A room without a `title` stands in no menu.
    """

    routes: Mapping[str, Mapping[str, View]]
    title: str = ""
    path: str = ""
    icon: str = ""
    role: Role = VIEWER
    open_to_all: frozenset[str] = frozenset()
