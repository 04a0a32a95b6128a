"""The rooms of the dashboard, in the order of its menu."""

from gainstage.dashboard.pages.audiences import AUDIENCES
from gainstage.dashboard.pages.catalog import CATALOG, WIZARD
from gainstage.dashboard.pages.destinations import DESTINATIONS
from gainstage.dashboard.pages.entrance import ENTRANCE
from gainstage.dashboard.pages.overview import OVERVIEW
from gainstage.dashboard.pages.sources import SOURCES
from gainstage.dashboard.rooms import Room

__all__ = ["ROOMS"]

# Before destinations, whose paths would take those of the wizard for names.
ROOMS: tuple[Room, ...] = (OVERVIEW, CATALOG, SOURCES, WIZARD, DESTINATIONS, AUDIENCES, ENTRANCE)
