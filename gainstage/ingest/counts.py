"""What the tracking API let in and turned away, by code: for metrics and the dashboard."""

from collections import Counter
from dataclasses import dataclass, field

from gainstage.meter import Meter


@dataclass
class Counts:
    """Since the process started. Names of sources and codes only: safe as metric labels."""

    #: Messages and bytes that the log has, by source.
    accepted: Counter[str] = field(default_factory=Counter)
    accepted_bytes: Counter[str] = field(default_factory=Counter)
    #: Requests turned away, by code and source ("" where the source is not known).
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Requests that came with a former write key, by source: some SDK has not got the new one yet.
    old_keys: Counter[str] = field(default_factory=Counter)
    #: How long it took until messages were durable.
    meter: Meter = field(default_factory=Meter)
