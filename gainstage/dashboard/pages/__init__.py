"""The rooms of the dashboard, in the order of its menu."""

from gainstage.dashboard.pages.about import ABOUT
from gainstage.dashboard.pages.audiences import AUDIENCES
from gainstage.dashboard.pages.catalog import CATALOG, WIZARD
from gainstage.dashboard.pages.destinations import DESTINATIONS
from gainstage.dashboard.pages.entrance import ENTRANCE
from gainstage.dashboard.pages.events import EVENTS
from gainstage.dashboard.pages.fixing import FIXING
from gainstage.dashboard.pages.forgetting import FORGETTING
from gainstage.dashboard.pages.names import NAMES
from gainstage.dashboard.pages.overview import OVERVIEW
from gainstage.dashboard.pages.replays import REPLAYS
from gainstage.dashboard.pages.settings import SETTINGS
from gainstage.dashboard.pages.sources import SOURCES
from gainstage.dashboard.pages.tester import TESTER
from gainstage.dashboard.pages.welcome import WELCOME
from gainstage.dashboard.rooms import Room

__all__ = ["ROOMS"]

# The wizard stands before destinations, whose paths would take those of the wizard for names.
ROOMS: tuple[Room, ...] = (
    OVERVIEW, EVENTS, NAMES, FIXING, AUDIENCES, CATALOG, SOURCES, WIZARD, DESTINATIONS, TESTER, REPLAYS,
    SETTINGS, FORGETTING, ABOUT, WELCOME, ENTRANCE,
)  # fmt: skip
