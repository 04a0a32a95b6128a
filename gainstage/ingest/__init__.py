"""The tracking API: what SDKs speak to. Authenticate, decode, keep, answer; no destination is known here.

Each name is loaded when it is first asked for: commands ask for a part of this room and start no server.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gainstage.ingest.application import TrackingApi
    from gainstage.ingest.counts import Counts
    from gainstage.ingest.front import Front

__all__ = ["Counts", "Front", "TrackingApi"]

_PLACES = {"Counts": "counts", "Front": "front", "TrackingApi": "application"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(import_module(f"gainstage.ingest.{_PLACES[name]}"), name)
