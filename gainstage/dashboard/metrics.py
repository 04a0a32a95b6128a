"""The metrics for Prometheus: which there are, and their values at one moment.

Labels are names of sources, destinations and accounts, and words of closed lists: never ids, addresses or
e-mails of anybody.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gainstage import __version__
from gainstage.log.contract import Load
from gainstage.meter import Histogram, Meter

WORDS = ("received", "delivered", "filtered", "failed", "parked", "pending")
BUDGET = ("account", "family", "window")


class Definition(NamedTuple):
    """One metric."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


METRICS = (
    Definition("gainstage_build_info", "gauge", "1, with the version that runs.", ("version",)),
    # what comes in
    Definition("gainstage_accepted_messages", "counter", "Messages accepted since the start.", ("source",)),
    Definition("gainstage_accepted_bytes", "counter", "Their bytes.", ("source",)),
    Definition(
        "gainstage_refused_requests", "counter", "Requests turned away since the start.", ("code", "source")
    ),
    Definition(
        "gainstage_old_write_key_requests", "counter", "Requests with a former write key.", ("source",)
    ),
    Definition(
        "gainstage_append_seconds", "histogram", "From the receipt of a request until its events are on disk."
    ),
    Definition("gainstage_log_commit_seconds", "histogram", "The log's commits, mostly their fsync."),
    Definition("gainstage_log_waiting_messages", "gauge", "Messages that wait for the log's next commit."),
    Definition("gainstage_log_waiting_bytes", "gauge", "Their bytes."),
    Definition("gainstage_log_waiting_limit_bytes", "gauge", "Beyond it requests are answered with 503."),
    # the funnel
    Definition(
        "gainstage_events",
        "gauge",
        "Events by connection and word of the ledger; received is the sum of the others.",
        ("source", "destination", "word"),
    ),
    Definition("gainstage_refused_messages", "gauge", "Messages that are no events.", ("source",)),
    Definition("gainstage_duplicate_messages", "gauge", "Messages that had come before.", ("source",)),
    # lag and latency
    Definition("gainstage_unrouted_messages", "gauge", "Accepted messages that delivery has not met yet."),
    Definition("gainstage_oldest_unrouted_seconds", "gauge", "Age of the oldest of them, 0 if none."),
    Definition("gainstage_oldest_pending_seconds", "gauge", "Age of the oldest pending event, 0 if none."),
    # the archive
    Definition("gainstage_history_events", "gauge", "Archived events."),
    Definition("gainstage_history_bytes", "gauge", "The size of the archive's files."),
    Definition("gainstage_history_files", "gauge", "How many files they are."),
    Definition(
        "gainstage_history_unarchived_messages", "gauge", "Messages of the log not archived yet, at most."
    ),
    Definition("gainstage_history_damaged_files", "gauge", "Files of the archive that the disk altered."),
    Definition(
        "gainstage_audience_size", "gauge", "How many have a value of an audience or a trait.", ("key",)
    ),
    Definition("gainstage_audience_waiting", "gauge", "Changes of it that are still to be said.", ("key",)),
    Definition(
        "gainstage_delivery_seconds",
        "histogram",
        "From the receipt of an event until it was delivered.",
        ("destination", "priority"),
    ),
    # delivery
    Definition("gainstage_delivery_still_seconds", "gauge", "For how long delivery has not turned."),
    Definition("gainstage_delivery_restarts", "counter", "Delivery processes that ended by themselves."),
    Definition("gainstage_turn_seconds", "histogram", "Turns of delivery that changed something."),
    Definition("gainstage_store_commit_seconds", "histogram", "The store's commits, mostly their fsync."),
    Definition(
        "gainstage_calls", "counter", "Calls to vendors by what they came to.", ("destination", "result")
    ),
    Definition("gainstage_call_seconds", "histogram", "How long calls to vendors took.", ("destination",)),
    Definition("gainstage_calls_under_way", "gauge", "Exchanges under way with vendors.", ("destination",)),
    Definition(
        "gainstage_retries", "counter", "Failed calls that are made again.", ("destination", "code")
    ),
    Definition(
        "gainstage_destination_blocked", "gauge", "1 where nothing is sent now.", ("destination", "reason")
    ),
    # budgets
    Definition("gainstage_budget_used_calls", "gauge", "Calls used in the window.", BUDGET),
    Definition("gainstage_budget_limit_calls", "gauge", "Calls allowed in the window.", BUDGET),
    Definition(
        "gainstage_budget_usable_calls",
        "gauge",
        "Calls used in the window at most: for a while below the limit after the vendor refused one.",
        BUDGET,
    ),
    Definition(
        "gainstage_budget_alert_percent",
        "gauge",
        "The alert that stands (50, 70 or 90 percent used), else 0.",
        BUDGET,
    ),
    Definition(
        "gainstage_budget_ends_timestamp_seconds",
        "gauge",
        "When the budget is used up at the rate of the last hour; absent where it is not.",
        BUDGET,
    ),
    # the machine, and what is too much for it
    Definition("gainstage_ready", "gauge", "1 where /ready says yes."),
    Definition(
        "gainstage_canary_seconds", "gauge", "How long the last canary took to arrive.", ("destination",)
    ),
    Definition("gainstage_canary_timestamp_seconds", "gauge", "When it arrived.", ("destination",)),
    Definition("gainstage_alert", "gauge", "1 for each alert that stands.", ("alert", "subject")),
    Definition("gainstage_alert_posts", "counter", "Posts to the webhook of alerts.", ("result",)),
    Definition("gainstage_disk_free_bytes", "gauge", "Free on the disk of the data folder."),
    Definition("gainstage_disk_size_bytes", "gauge", "The size of that disk."),
    Definition("gainstage_limit", "gauge", "Where senders begin to be asked to wait.", ("limit",)),
    Definition("gainstage_limit_value", "gauge", "How things stand with that.", ("limit",)),
    Definition("gainstage_limit_reached", "gauge", "1 while senders are asked to wait for it.", ("limit",)),
)  # fmt: skip


class Intake(Protocol):
    """What the tracking API counted since the process started."""

    @property
    def accepted(self) -> Mapping[str, int]: ...

    @property
    def accepted_bytes(self) -> Mapping[str, int]: ...

    @property
    def refused(self) -> Mapping[tuple[str, str], int]: ...

    @property
    def old_keys(self) -> Mapping[str, int]: ...

    @property
    def meter(self) -> Meter: ...


class Delivery(Protocol):
    """What the server knows of its delivery process."""

    @property
    def meter(self) -> Meter: ...

    @property
    def under_way(self) -> Mapping[str, int]: ...

    @property
    def restarts(self) -> int: ...

    @property
    def still_seconds(self) -> float: ...


@dataclass(frozen=True)
class Vitals:
    """What a server knows beside what the store holds."""

    delivery: Delivery
    load: Callable[[], Load]
    #: Free bytes of the disk and all of them; None where they could not be read yet.
    disk: Callable[[], tuple[int, int] | None]
    #: What became of posts to the webhook of alerts.
    alerts: Meter = field(default_factory=Meter)
    #: By destination: when the last canary arrived, and after how many seconds.
    canaries: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class Figures(Collector):
    """One reading of everything, as metrics."""

    def __init__(
        self,
        status: Mapping[str, Any],
        intake: Intake,
        vitals: Vitals | None = None,
        ready: bool | None = None,
    ) -> None:
        self._status, self._intake, self._vitals, self._ready = status, intake, vitals, ready
        self._families = {definition.name: _family(definition) for definition in METRICS}

    def collect(self) -> Iterable[Metric]:
        """Every metric, those without a value too."""
        self._add("gainstage_build_info", 1, __version__)
        if self._ready is not None:
            self._add("gainstage_ready", int(self._ready))
        self._funnel()
        self._archived()
        self._budgets()
        self._limits()
        self._taken()
        if self._vitals is not None:
            self._delivered(self._vitals.delivery)
            self._machine(self._vitals)
        return self._families.values()

    def _add(self, name: str, value: float, *labels: str) -> None:
        family = self._families[name]
        assert isinstance(family, CounterMetricFamily | GaugeMetricFamily)
        family.add_metric(labels, value)

    def _measured(self, name: str, histogram: Histogram | None, *labels: str) -> None:
        if histogram is None:
            return
        family, sum_of = self._families[name], 0
        assert isinstance(family, HistogramMetricFamily)
        buckets = []
        for bound, count in zip((*histogram.bounds, float("inf")), tuple(histogram.counts), strict=True):
            sum_of += count
            buckets.append(("+Inf" if bound == float("inf") else repr(bound), float(sum_of)))
        family.add_metric(labels, buckets, histogram.total)

    def _funnel(self) -> None:
        for row in self._status["connections"]:
            for word in WORDS:
                self._add("gainstage_events", row[word], row["source"], row["destination"], word)
        for source, counts in self._status.get("sources", {}).items():
            self._add("gainstage_refused_messages", counts["refused"], source)
            self._add("gainstage_duplicate_messages", counts["duplicates"], source)
        for row in self._status["blocked"]:
            self._add("gainstage_destination_blocked", 1, row["destination"], row["reason"] or "")
        for row in self._status.get("alerts", ()):
            self._add("gainstage_alert", 1, row["alert"], row["subject"])
        self._add("gainstage_oldest_pending_seconds", self._status["oldest_pending_seconds"] or 0)
        log = self._status.get("log")
        if log is not None:
            self._add("gainstage_unrouted_messages", log["unrouted"])
            self._add("gainstage_oldest_unrouted_seconds", log["oldest_unrouted_seconds"] or 0)

    def _archived(self) -> None:
        kept = self._status.get("kept", {}).get("history")
        if kept is not None:
            self._add("gainstage_history_events", kept["events"])
            self._add("gainstage_history_bytes", kept["bytes"])
            self._add("gainstage_history_files", kept["files"])
            self._add("gainstage_history_unarchived_messages", kept["behind"] or 0)
            self._add("gainstage_history_damaged_files", len(kept["damaged"]))
        for row in self._status.get("computations", ()):
            self._add("gainstage_audience_size", row["size"], row["key"])
            self._add("gainstage_audience_waiting", row["waiting"], row["key"])

    def _budgets(self) -> None:
        for row in self._status["budgets"]:
            names = (row["account"], row["family"], row["window"])
            self._add("gainstage_budget_used_calls", row["used"], *names)
            self._add("gainstage_budget_limit_calls", row["limit"], *names)
            self._add("gainstage_budget_usable_calls", row["usable"], *names)
            self._add("gainstage_budget_alert_percent", row["alert_percent"] or 0, *names)
            if row["ends_at"] is not None:
                ends = datetime.fromisoformat(row["ends_at"]).timestamp()
                self._add("gainstage_budget_ends_timestamp_seconds", ends, *names)

    def _limits(self) -> None:
        for row in self._status.get("limits", ()):
            self._add("gainstage_limit", row["at"], row["limit"])
            self._add("gainstage_limit_value", row["value"], row["limit"])
            self._add("gainstage_limit_reached", int(row["reached"]), row["limit"])

    def _taken(self) -> None:
        for source, n in self._intake.accepted.items():
            self._add("gainstage_accepted_messages", n, source)
        for source, n in self._intake.accepted_bytes.items():
            self._add("gainstage_accepted_bytes", n, source)
        for (code, source), n in self._intake.refused.items():
            self._add("gainstage_refused_requests", n, code, source)
        for source, n in self._intake.old_keys.items():
            self._add("gainstage_old_write_key_requests", n, source)
        for labels, histogram in self._intake.meter.measured("append").items():
            self._measured("gainstage_append_seconds", histogram, *labels)

    def _delivered(self, delivery: Delivery) -> None:
        self._add("gainstage_delivery_still_seconds", delivery.still_seconds)
        self._add("gainstage_delivery_restarts", delivery.restarts)
        for destination, n in delivery.under_way.items():
            self._add("gainstage_calls_under_way", n, destination)
        for name in ("calls", "retries"):
            for labels, counted in delivery.meter.counted(name).items():
                self._add(f"gainstage_{name}", counted, *labels)
        for name in ("delivery", "call", "turn", "store_commit"):
            for labels, histogram in delivery.meter.measured(name).items():
                self._measured(f"gainstage_{name}_seconds", histogram, *labels)

    def _machine(self, vitals: Vitals) -> None:
        load, disk = vitals.load(), vitals.disk()
        for destination, (at, seconds) in vitals.canaries.items():
            self._add("gainstage_canary_seconds", seconds, destination)
            self._add("gainstage_canary_timestamp_seconds", at, destination)
        for labels, n in vitals.alerts.counted("alert_posts").items():
            self._add("gainstage_alert_posts", n, *labels)
        self._add("gainstage_log_waiting_messages", load.waiting_entries)
        self._add("gainstage_log_waiting_bytes", load.waiting_bytes)
        self._add("gainstage_log_waiting_limit_bytes", load.most_bytes)
        self._measured("gainstage_log_commit_seconds", load.commits)
        if disk is not None:
            self._add("gainstage_disk_free_bytes", disk[0])
            self._add("gainstage_disk_size_bytes", disk[1])


def _family(definition: Definition) -> Metric:
    kinds: dict[str, Callable[..., Metric]] = {
        "counter": CounterMetricFamily,
        "gauge": GaugeMetricFamily,
        "histogram": HistogramMetricFamily,
    }
    return kinds[definition.kind](definition.name, definition.help, labels=definition.labels)
