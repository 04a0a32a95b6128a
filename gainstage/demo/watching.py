"""What became of the story: the ledger, each event's outcome, and what the sandbox holds now."""

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gainstage.app import Reports
from gainstage.computed import COMPUTED_SOURCE
from gainstage.demo.story import (
    AUDIENCE_FIELD,
    COMPANIES,
    DESTINATIONS,
    ONE_AT_A_TIME,
    PAGES,
    PEOPLE,
    REPORTERS,
    TRAIT_FIELD,
    Call,
)

WORDS = ("delivered", "filtered", "failed", "parked", "pending")
POLL_SECONDS = 0.25
SECONDS = 10


@dataclass(frozen=True)
class Fate:
    """What became of one call at one destination; the destination is empty where it met none."""

    call: Call
    destination: str
    word: str
    reason: str
    detail: str

    @property
    def as_expected(self) -> bool:
        word, reason = self.call.expected(self.destination)
        return self.word == word and reason in ("", self.reason)


def wait_until_settled(
    reports: Reports, expected: int, limit_seconds: float, progress: Callable[[int, int], None]
) -> None:
    """Return when every pair of event and destination has settled, or the time is over. What was computed
    from the events must have settled too, and is not counted among what is expected.
    """
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:
        connections = reports.status(time.time_ns() // 1000)["connections"]
        sent = [counts for counts in connections if counts["source"] != COMPUTED_SOURCE]
        received = sum(counts["received"] for counts in sent)
        progress(received - sum(counts["pending"] for counts in sent), expected)
        if received >= expected and not any(counts["pending"] for counts in connections):
            return
        time.sleep(POLL_SECONDS)


def wait_until_computed(sandbox_url: str, limit_seconds: float) -> None:
    """Return when Gainsight CS holds what follows from the reports, or the time is over."""
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline and miscomputed(fetch(f"{sandbox_url}/__sandbox__/state")):
        time.sleep(POLL_SECONDS)


def computed_values(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What Gainsight CS holds in the fields of the audience and of the trait, by e-mail."""
    return {
        field: {row.get("Email", ""): row[field] for row in state["cs"]["people"] if field in row}
        for field in (AUDIENCE_FIELD, TRAIT_FIELD)
    }


def miscomputed(state: Mapping[str, Any]) -> list[str]:
    """Which of these fields hold something else than the story says."""
    reporters = [person.email for person in PEOPLE if person.id in REPORTERS]
    expected = {
        AUDIENCE_FIELD: dict.fromkeys(reporters, True),
        TRAIT_FIELD: dict.fromkeys(reporters, sum(PAGES.values())),
    }
    found = computed_values(state)
    return [
        f"{field} holds {found[field]}, expected {values}"
        for field, values in expected.items()
        if found[field] != values
    ]


def fates(reports: Reports, calls: Sequence[Call]) -> list[Fate]:
    """Each call's outcome at each destination, as `gainstage trace` tells it."""
    found = []
    for call in calls:
        traced = reports.trace(call.message_id)
        for row in traced["destinations"] if traced else ():
            destination = row["destination"] or ""
            found.append(Fate(call, destination, row["outcome"], row["reason"], row["detail"]))
    return found


def unbalanced(connections: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The connections whose equation does not hold."""
    return [counts for counts in connections if counts["received"] != sum(counts[word] for word in WORDS)]


def surprises(calls: Sequence[Call], found: Sequence[Fate], state: Mapping[str, Any]) -> list[str]:
    """What is not as the story says: an outcome, or a record that is missing at the vendor."""
    seen = {(fate.call.message_id, fate.destination) for fate in found}
    told = [
        " ".join((fate.call.message_id, "at", fate.destination or "-", fate.word, fate.reason, fate.detail))
        for fate in found
        if not fate.as_expected
    ]
    for call in calls:
        for destination in [""] if "" in call.otherwise else DESTINATIONS:
            if (call.message_id, destination) not in seen:
                told.append(f"{call.message_id} is unknown at {destination or 'the server'}")
    expected, arrived = expected_counts(calls), arrived_counts(state)
    told.extend(
        f"{destination} holds {arrived[destination, what]} {what}, expected {number}"
        for (destination, what), number in expected.items()
        if arrived[destination, what] != number
    )
    return told + miscomputed(state)


def expected_counts(calls: Sequence[Call]) -> dict[tuple[str, str], int]:
    """How many records of each kind the vendors should hold."""
    delivered = Counter(
        (destination, call.kind)
        for call in calls
        if "" not in call.otherwise
        for destination in DESTINATIONS
        if call.expected(destination)[0] == "delivered"
    )
    users = {call.user for call in calls if call.kind == "identify"}
    accounts = {call.given["group_id"] for call in calls if call.kind == "group"}
    return {
        ("cs", "people"): len(PEOPLE),
        ("cs", "companies"): len(COMPANIES),
        ("cs", "events"): delivered["cs", "track"],
        ("px", "users"): len(users),
        ("px", "accounts"): len(accounts),
        ("px", "events"): delivered["px", "track"],
        ("clickstream", "messages"): sum(
            delivered["clickstream", kind] for kind in ("identify", "group", "track")
        ),
    }


def arrived_counts(state: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """How many records of each kind the sandbox holds."""
    kinds = (
        ("cs", "people"), ("cs", "companies"), ("cs", "events"), ("px", "users"), ("px", "accounts"),
        ("px", "events"), ("clickstream", "messages"),
    )  # fmt: skip
    return {(part, kind): len(state[part][kind]) for part, kind in kinds}


def one_at_a_time(found: Sequence[Fate], connections: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """Calls that a sender without memory would have made for what was delivered: of a computed value, one."""
    calls: Counter[str] = Counter()
    for fate in found:
        if fate.word == "delivered":
            calls[fate.destination] += ONE_AT_A_TIME[fate.destination][fate.call.kind]
    for counts in connections:
        if counts["source"] == COMPUTED_SOURCE:
            calls[counts["destination"]] += counts["delivered"]
    return calls


def calls_made(sandbox: str) -> Counter[str]:
    """Requests that the sandbox saw, by destination."""
    requests = fetch(f"{sandbox}/__sandbox__/requests")
    return Counter(str(request["api"]) for request in requests)


def fetch(address: str) -> Any:
    """A JSON document of the sandbox."""
    with urllib.request.urlopen(address, timeout=SECONDS) as response:
        return json.load(response)


def by_reason(found: Sequence[Fate]) -> dict[tuple[str, str], list[Fate]]:
    """What did not arrive, grouped by word and reason."""
    groups: dict[tuple[str, str], list[Fate]] = {}
    for fate in found:
        if fate.word != "delivered":
            groups.setdefault((fate.word, fate.reason), []).append(fate)
    return groups
