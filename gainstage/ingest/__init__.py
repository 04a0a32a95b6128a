"""The tracking API: what SDKs speak to. Authenticate, decode, keep, answer; no destination is known here."""

from gainstage.ingest.application import TrackingApi
from gainstage.ingest.counts import Counts
from gainstage.ingest.front import Front

__all__ = ["Counts", "Front", "TrackingApi"]
