"""The judge: compares what was acknowledged, what the ledger says and what the vendors hold, from outside.

It reads files and the sandbox with queries of its own, and computes what must be there from what was sent.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

Message = dict[str, Any]
DESTINATIONS = ("clickstream", "cs", "px")
WORDS = ("delivered", "filtered", "failed", "parked", "pending")
#: A call may be under way for its time limit and a little before its process is killed.
CALL_SECONDS = 17.0

#: Trait to field, where the value goes as it is.
PERSON = {"name": "Name", "location": "Location", "comments": "Comments"}
COMPANY = {"summary": "Summary", "tickerSymbol": "TickerSymbol"}
USER = {"title": "title"}
ACCOUNT = {"website": "website", "name": "name"}


@dataclass
class Verdict:
    """What was found. `problems` is empty when every promise held."""

    acknowledged: int = 0
    routed: int = 0
    lost: list[str] = field(default_factory=list)
    duplicates: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, what: str, found: Iterable[Any]) -> None:
        """Note a kind of problem with a few examples."""
        listed = list(found)
        if listed:
            self.problems.append(f"{what}: {len(listed)}, for example {listed[:3]}")


def read_ledger(data: Path, source: str) -> dict[str, dict[str, list[str]]]:
    """Message id to destination to the outcomes that the ledger has, straight from the file."""
    connection = apsw.Connection(str(data / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        "SELECT message_id, destination.name, word FROM event JOIN source ON source.id = event.source_id "
        "LEFT JOIN delivery ON event_id = event.id LEFT JOIN destination ON destination.id = destination_id "
        "WHERE source.name = ?",
        (source,),
    )
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for message_id, destination, word in rows:
        found[message_id][destination].append(WORDS[word] if word is not None else "none")
    connection.close()
    return found


def read_attempts(data: Path) -> dict[tuple[str, str], list[tuple[float, bool]]]:
    """(message id, destination) to the calls that carried it, oldest first: when, and whether answered."""
    connection = apsw.Connection(str(data / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        "SELECT message_id, destination.name, call.at_us, answered_us IS NOT NULL FROM call_event "
        "JOIN call ON call.id = call_id JOIN event ON event.id = event_id "
        "JOIN destination ON destination.id = destination_id ORDER BY call.id"
    )
    found: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
    for message_id, destination, at_us, answered in rows:
        found[message_id, destination].append((at_us / 1e6, bool(answered)))
    connection.close()
    return found


def judge(
    data: Path,
    source: str,
    sent: Mapping[str, Message],
    acknowledged: set[str],
    state: Mapping[str, Any],
    kills: list[float],
    *,
    keyed: frozenset[str] = frozenset(),
    call_seconds: float = CALL_SECONDS,
) -> Verdict:
    """Everything that can be said once all is settled and the server has stopped.

    `keyed`: the destinations whose vendor takes an event once by the key that it is sent with.
    `call_seconds`: how long a call may be under way, by the clock of `kills`.
    """
    verdict = Verdict(acknowledged=len(acknowledged))
    ledger = read_ledger(data, source)
    verdict.routed = len(ledger)
    verdict.lost = sorted(acknowledged - ledger.keys())
    verdict.add("acknowledged and not in the ledger", verdict.lost)
    verdict.add("in the ledger and never sent", sorted(ledger.keys() - sent.keys()))
    verdict.add(
        "not delivered exactly once",
        (
            (message_id, destination, ledger[message_id][destination])
            for message_id in ledger
            for destination in DESTINATIONS
            if ledger[message_id][destination] != ["delivered"]
        ),
    )
    kept = {message_id: sent[message_id] for message_id in ledger if message_id in sent}
    arrivals = arrived(state)
    judge_appends(verdict, kept, arrivals, read_attempts(data), kills, call_seconds)
    for destination in sorted(keyed):
        if verdict.duplicates[destination]:
            verdict.problems.append(f"{destination}: an event twice where the vendor has a key for it")
    verdict.add("px: sent without its key", unkeyed(state["px"]["events"]))
    judge_order(verdict, kept, arrivals)
    judge_cs(verdict, kept, state["cs"])
    judge_px(verdict, kept, state["px"])
    return verdict


def arrived(state: Mapping[str, Any]) -> dict[str, list[str]]:
    """Per destination the message ids of what was appended there, in the order of arrival."""
    return {
        "clickstream": [message["messageId"] for message in state["clickstream"]["messages"]],
        "cs": [event["properties"]["id"] for event in state["cs"]["events"]],
        "px": [event["attributes"]["id"] for event in state["px"]["events"]],
    }


def unkeyed(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Custom events whose key is not their message's id: a repeat of theirs could not be told."""
    return [event["attributes"]["id"] for event in events if event["eventId"] != event["attributes"]["id"]]


def appended(message: Message, destination: str) -> bool:
    """Whether the message is one that may never be merged at this destination."""
    return destination == "clickstream" or message["type"] == "track"


def judge_appends(
    verdict: Verdict,
    kept: Mapping[str, Message],
    arrivals: Mapping[str, list[str]],
    attempts: Mapping[tuple[str, str], list[tuple[float, bool]]],
    kills: list[float],
    call_seconds: float,
) -> None:
    """Each arrived; one that came twice was under way, unanswered, when a process was killed."""
    for destination, ids in arrivals.items():
        counts = Counter(ids)
        wanted = {one for one, message in kept.items() if appended(message, destination)}
        verdict.add(f"{destination}: delivered and not there", sorted(wanted - counts.keys()))
        verdict.add(f"{destination}: there and not in the ledger", sorted(counts.keys() - wanted))
        twice = {one: n for one, n in counts.items() if n > 1}
        verdict.duplicates[destination] = sum(n - 1 for n in twice.values())
        for one, n in twice.items():
            made = attempts.get((one, destination), [])
            repeated = [at for at, answered in made[:-1] if not answered]
            excused = [at for at in repeated if any(at - 1 <= kill <= at + call_seconds for kill in kills)]
            if len(excused) < n - 1:
                verdict.add(f"{destination}: repeated without a kill", [(one, n, made)])


def judge_order(verdict: Verdict, kept: Mapping[str, Message], arrivals: Mapping[str, list[str]]) -> None:
    """A user's appends arrive in the order in which they were sent; a repeat follows its first try."""
    for destination, ids in arrivals.items():
        last: dict[str, str] = {}
        wrong = []
        for message_id in ids:
            user = kept[message_id]["userId"] if message_id in kept else ""
            if message_id < last.get(user, ""):
                wrong.append((user, last[user], message_id))
            last[user] = message_id
        verdict.add(f"{destination}: out of order", wrong)


def newest(
    messages: Iterable[Message], kind: str, key: Callable[[Message], str]
) -> dict[str, dict[str, Any]]:
    """Per record and trait the value of the newest event that has it."""
    best: dict[str, dict[str, tuple[datetime, Any]]] = defaultdict(dict)
    for message in messages:
        if message["type"] != kind:
            continue
        instant = datetime.fromisoformat(message["timestamp"])
        for trait, value in message["traits"].items():
            known = best[key(message)].get(trait)
            if known is None or known[0] < instant:
                best[key(message)][trait] = (instant, value)
    return {record: {trait: value for trait, (_, value) in values.items()} for record, values in best.items()}


def differences(
    expected: Mapping[str, Mapping[str, Any]],
    held: Mapping[str, Mapping[str, Any]],
    fields: Mapping[str, str],
) -> list[tuple[str, str, Any, Any]]:
    """Where what is held is not what should be: record, field, expected, held."""
    return [
        (record, fields[trait], value, held.get(record, {}).get(fields[trait]))
        for record, values in expected.items()
        for trait, value in values.items()
        if trait in fields and held.get(record, {}).get(fields[trait]) != value
    ]


def judge_cs(verdict: Verdict, kept: Mapping[str, Message], state: Mapping[str, Any]) -> None:
    """People, companies and links as the newest events say."""
    messages = list(kept.values())
    people = {row["Email"]: row for row in state["people"]}
    emails = newest(messages, "identify", lambda message: str(message["context"]["traits"]["email"]))
    verdict.add("cs: people differ", differences(emails, people, PERSON))
    companies = {row["Name"]: row for row in state["companies"]}
    verdict.add(
        "cs: a company twice", [len(state["companies"])] if len(companies) < len(state["companies"]) else []
    )
    groups = newest(messages, "group", lambda message: str(message["groupId"]))
    verdict.add("cs: companies differ", differences(groups, companies, COMPANY))
    links = {(link["Email"], link["Company_Name"]) for link in state["associations"]}
    wanted = {(m["context"]["traits"]["email"], m["groupId"]) for m in messages if m["type"] == "group"}
    verdict.add("cs: links missing", sorted(wanted - links))
    verdict.add("cs: links too many", sorted(links - wanted))


def judge_px(verdict: Verdict, kept: Mapping[str, Message], state: Mapping[str, Any]) -> None:
    """Users, accounts and the users' accounts as the newest events say."""
    messages = list(kept.values())
    users = {row["identifyId"]: row for row in state["users"]}
    identified = newest(messages, "identify", lambda message: str(message["userId"]))
    verdict.add("px: users differ", differences(identified, users, USER))
    cities = {user: {"city": row.get("location", {}).get("city")} for user, row in users.items()}
    verdict.add("px: cities differ", differences(identified, cities, {"city": "city"}))
    accounts = {row["id"]: row for row in state["accounts"]}
    grouped = newest(messages, "group", lambda message: str(message["groupId"]))
    verdict.add("px: accounts differ", differences(grouped, accounts, ACCOUNT))
    joined = [{**message, "traits": {"account": message.get("groupId")}} for message in messages]
    links = newest(joined, "group", lambda message: str(message["userId"]))
    verdict.add("px: users' accounts differ", differences(links, users, {"account": "accountId"}))
