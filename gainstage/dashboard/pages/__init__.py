"""The rooms of the dashboard, in the order of its menu."""

from gainstage.dashboard.pages.entrance import ENTRANCE
from gainstage.dashboard.pages.overview import OVERVIEW
from gainstage.dashboard.rooms import Room

__all__ = ["ROOMS"]

ROOMS: tuple[Room, ...] = (OVERVIEW, ENTRANCE)
