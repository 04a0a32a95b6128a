"""The judge: compares what was acknowledged, what the ledger says and what the vendors hold, from outside.

It reads files and the sandbox with queries of its own, and computes what must be there from what was sent.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from tests.torture.load import DESTINATIONS, Message, end_of
from tests.torture.repeats import Copy, Excuses

WORDS = ("delivered", "filtered", "failed", "parked", "pending")
#: An event that is delivered needs no reason, and any of these will do.
REASONS_OF_DELIVERED = {"", "unchanged", "superseded", "confirmed_later"}

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
    #: How many events had to fail or to wait somewhere.
    undeliverable: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, what: str, found: Iterable[Any]) -> None:
        """Note a kind of problem with a few examples."""
        listed = list(found)
        if listed:
            self.problems.append(f"{what}: {len(listed)}, for example {listed[:3]}")


def read_ledger(data: Path, source: str) -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Message id to destination to the outcomes and reasons that the ledger has, straight from the file."""
    connection = apsw.Connection(str(data / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        "SELECT message_id, destination.name, word, delivery.code FROM event "
        "JOIN source ON source.id = event.source_id LEFT JOIN delivery ON event_id = event.id "
        "LEFT JOIN destination ON destination.id = destination_id WHERE source.name = ?",
        (source,),
    )
    found: dict[str, dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for message_id, destination, word, code in rows:
        found[message_id][destination].append((WORDS[word], code) if word is not None else ("none", ""))
    connection.close()
    return found


def read_attempts(data: Path) -> Counter[tuple[str, str]]:
    """(Message id, destination) to how many calls that carried it the store has noted."""
    connection = apsw.Connection(str(data / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        "SELECT message_id, destination.name, count(*) FROM call_event JOIN call ON call.id = call_id "
        "JOIN event ON event.id = event_id JOIN destination ON destination.id = destination_id GROUP BY 1, 2"
    )
    found = Counter({(message_id, destination): n for message_id, destination, n in rows})
    connection.close()
    return found


def judge(
    data: Path,
    source: str,
    sent: Mapping[str, Message],
    acknowledged: set[str],
    state: Mapping[str, Any],
    copies: Mapping[str, Sequence[Copy]],
    excuses: Excuses,
    *,
    keyed: frozenset[str] = frozenset(),
) -> Verdict:
    """Everything that can be said once all is settled and the server has stopped.

    `keyed`: the destinations whose vendor takes an event once by the key that it is sent with.
    """
    verdict = Verdict(acknowledged=len(acknowledged))
    ledger = read_ledger(data, source)
    verdict.routed = len(ledger)
    verdict.lost = sorted(acknowledged - ledger.keys())
    verdict.add("acknowledged and not in the ledger", verdict.lost)
    verdict.add("in the ledger and never sent", sorted(ledger.keys() - sent.keys()))
    kept = {message_id: sent[message_id] for message_id in ledger if message_id in sent}
    judge_ends(verdict, kept, ledger)
    reached = {
        name: {one: message for one, message in kept.items() if end_of(message, name)[0] == "delivered"}
        for name in DESTINATIONS
    }
    arrivals = arrived(state)
    judge_appends(verdict, reached, arrivals)
    judge_repeats(verdict, copies, excuses, read_attempts(data))
    for destination in sorted(keyed):
        if verdict.duplicates[destination]:
            verdict.problems.append(f"{destination}: an event twice where the vendor has a key for it")
    verdict.add("px: sent without its key", unkeyed(state["px"]["events"]))
    judge_order(verdict, kept, arrivals)
    judge_cs(verdict, reached["cs"], state["cs"])
    judge_px(verdict, reached["px"], state["px"])
    return verdict


def judge_ends(
    verdict: Verdict,
    kept: Mapping[str, Message],
    ledger: Mapping[str, Mapping[str, list[tuple[str, str]]]],
) -> None:
    """Each event has one end at each destination: the one that follows from what it says."""
    wrong = []
    for message_id, message in kept.items():
        wanted = {name: end_of(message, name) for name in DESTINATIONS}
        verdict.undeliverable += any(word != "delivered" for word, _ in wanted.values())
        for name, (word, reason) in wanted.items():
            found = ledger[message_id].get(name, [])
            fits = len(found) == 1 and found[0][0] == word
            if not fits or found[0][1] not in ({reason} if reason else REASONS_OF_DELIVERED):
                wrong.append((message_id, name, found, word, reason))
    verdict.add("ended otherwise than they must", wrong)


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
    verdict: Verdict, reached: Mapping[str, Mapping[str, Message]], arrivals: Mapping[str, list[str]]
) -> None:
    """Each arrived that had to, and nothing else."""
    for destination, ids in arrivals.items():
        counts = Counter(ids)
        wanted = {one for one, message in reached[destination].items() if appended(message, destination)}
        verdict.add(f"{destination}: delivered and not there", sorted(wanted - counts.keys()))
        verdict.add(f"{destination}: there and not in the ledger", sorted(counts.keys() - wanted))
        verdict.duplicates[destination] = len(ids) - len(counts)


def judge_repeats(
    verdict: Verdict,
    copies: Mapping[str, Sequence[Copy]],
    excuses: Excuses,
    attempts: Mapping[tuple[str, str], int],
) -> None:
    """A kill stands behind every repeat, and nothing was sent that the store had not noted before."""
    for destination, found in excuses.without.items():
        verdict.add(f"{destination}: repeated without a kill", found)
    verdict.add("more repeated than was under way at a kill", excuses.beyond)
    for destination, came in copies.items():
        times = Counter(copy.message_id for copy in came)
        unnoted = [one for one, n in times.items() if n > attempts.get((one, destination), 0)]
        verdict.add(f"{destination}: sent without a note", sorted(unnoted))


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
