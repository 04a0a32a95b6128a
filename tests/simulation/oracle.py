"""The oracle: what must hold after every turn, and what must be true in the end."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gainstage.log.memory import Shelf
from gainstage.sqlite import connect
from gainstage.store.rows import DELIVERED, DUPLICATE, FAILED, FILTERED, PARKED, REFUSED, Document
from gainstage.store.store import FILE_NAME
from tests.simulation.fate import Fate
from tests.simulation.model import (
    FAIL,
    FILTER,
    GO,
    GO_OR_PARK,
    PARK,
    Field,
    Reading,
    ids_of,
    merged,
    read,
    told_emails,
)  # fmt: skip
from tests.simulation.stream import Said
from tests.simulation.vendor import Broken, Vendors

VENDORS = {"gainsight_cs": "cs", "gainsight_px": "px", "gainsight": "click"}
WORDS = ("delivered", "filtered", "failed", "parked", "pending")


class Oracle:
    """Looks at the store from outside, and at the vendors."""

    def __init__(self, folder: Path, vendors: Vendors, fate: Fate) -> None:
        self._rows = connect(folder / FILE_NAME, read_only=True)
        self._vendors = vendors
        self._fate = fate
        self._seen_event = 0
        #: Of the last commit that was looked at.
        self._seen_version: list[tuple[Any, ...]] = []
        #: Messages that a person had tried again.
        self._decided: set[str] = set()

    def close(self) -> None:
        """Let go of the file."""
        self._rows.close()

    def hear(self, said: Said) -> None:
        """A message was accepted: from now on its values may turn up at the vendors."""
        for vendor in ("cs", "px", "click"):
            for name, value in read(vendor, said).asked.fields.items():
                self._vendors.said[(vendor, name, value)].append(said.stamp)
                if name[2] == "Tier__gc":
                    self._vendors.said[(vendor, (*name[:2], "Plan__gc"), value)].append(said.stamp)

    # after every turn

    def look(self, documents: Sequence[Document], shelf: Shelf) -> None:
        """What holds always.

        Raises:
            Broken: it does not.
        """
        version = self._all("PRAGMA data_version")  # most turns find nothing to do, and write nothing
        if version == self._seen_version:
            return
        self._seen_version = version
        self._look_at_counters(shelf)
        self._look_at_operations()
        self._look_at_connections(documents)
        self._decided.update(
            row[0] for row in self._all("SELECT message_id FROM replayed JOIN event ON event.id = event_id")
        )

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return list(self._rows.execute(query, values))

    def _look_at_counters(self, shelf: Shelf) -> None:
        counted = {
            (source, destination, word): n
            for source, destination, word, n in self._all("SELECT * FROM counter WHERE n != 0")
        }
        duplicates = sum(n for (_, _, word), n in counted.items() if word == DUPLICATE)
        refused = sum(n for (_, _, word), n in counted.items() if word == REFUSED)
        rows = {
            row[:3]: row[3]
            for row in self._all(
                "SELECT source_id, destination_id, word, count(*) FROM delivery GROUP BY 1, 2, 3"
            )
        }
        balance = {key: n for key, n in counted.items() if key[2] < REFUSED}
        _expect(balance == rows, f"the counters say {balance}, the rows {rows}")
        ((events, without),) = self._all("SELECT count(*), count(code) FROM event")
        routed = sum(offset for _, offset in self._all("SELECT * FROM partition"))
        _expect(events + duplicates == routed, f"{routed} routed: {events} events, {duplicates} duplicates")
        _expect(without == refused, f"{without} refused events, {refused} counted")
        _expect(
            routed <= sum(len(kept) for kept in shelf.partitions), "more was routed than was ever accepted"
        )

    def _look_at_operations(self) -> None:
        wrong = self._all(
            "SELECT d.event_id, d.destination_id, word, open, count(o.id), kept FROM delivery d "
            "LEFT JOIN operation o ON o.event_id = d.event_id AND o.destination_id = d.destination_id "
            "GROUP BY d.event_id, d.destination_id "
            "HAVING count(o.id) != CASE word WHEN 4 THEN open ELSE 0 END "
            "OR (word = 4 AND open = 0 AND kept IS NULL)"
        )
        _expect(not wrong, f"(event, destination, word, open, operations, kept) do not fit: {wrong}")
        # An append to a new record waits for an upsert of it that waits itself.
        stranded = self._all(
            "SELECT o.event_id, o.destination_id, o.record_id FROM operation o LEFT JOIN lane l "
            "ON l.record_id = o.record_id AND l.destination_id = o.destination_id "
            "WHERE waits = 0 AND l.due_us IS NULL AND NOT (o.kind = 1 AND EXISTS "
            "(SELECT 1 FROM operation before WHERE before.record_id = o.record_id AND before.waits > 0 "
            "AND before.destination_id = o.destination_id AND before.kind = 0 "
            "AND before.event_id <= o.event_id))"
        )
        _expect(not stranded, f"(event, destination, record) may go but have no turn: {stranded}")
        bare = self._all(
            "SELECT DISTINCT event_id FROM delivery WHERE word >= 2 AND event_id NOT IN "
            "(SELECT event_id FROM body)"
        )
        _expect(not bare, f"events without a body: {bare}")

    def _look_at_connections(self, documents: Sequence[Document]) -> None:
        """Every event met the destinations that its source fed when it was routed."""
        rows = self._all(
            "SELECT event.id, source.name, event.code, group_concat(destination.name) FROM event "
            "JOIN source ON source.id = event.source_id LEFT JOIN delivery ON event_id = event.id "
            "LEFT JOIN destination ON destination.id = destination_id WHERE event.id > ? GROUP BY event.id",
            self._seen_event,
        )
        for number, source, code, met in rows:
            self._seen_event = max(self._seen_event, number)
            wanted = {
                document.name
                for document in documents
                if document.kind == "destination"
                and source in document.body["sources"]
                and document.body.get("enabled", True)
            }
            found = set(met.split(",")) if met else set()
            _expect(found == (set() if code else wanted), f"event {number} met {found}, not {wanted}")

    def idle_seconds(self, now_us: int) -> float | None:
        """How long nothing is due; None where nothing is planned."""
        times = [
            row[0]
            for row in self._all(
                "SELECT min(due_us) FROM lane WHERE due_us > ?1 UNION ALL "
                "SELECT min(resume_us) FROM destination WHERE resume_us > ?1 UNION ALL "
                "SELECT min(leased_until_us) FROM record WHERE leased_until_us > ?1 UNION ALL "
                "SELECT min(occupied_until_us) FROM record WHERE occupied_until_us > ?1 UNION ALL "
                "SELECT min(stop_until_us) FROM budget_limit WHERE stop_until_us > ?1",
                now_us,
            )
            if row[0] is not None
        ]
        return min(max((min(times) - now_us) / 1e6, 0.1), 600.0) if times else None

    def kept(self) -> list[tuple[int, int, int]]:
        """Failed and parked deliveries."""
        return [
            (event, destination, source)
            for event, destination, source in self._all(
                "SELECT event_id, destination_id, source_id FROM delivery WHERE word IN (2, 3)"
            )
        ]

    def decide(self, event: int) -> None:
        """A person has an event tried again."""
        self._decided.update(row[0] for row in self._all("SELECT message_id FROM event WHERE id = ?", event))

    # in the end

    def settled(self, accepted: int) -> bool:
        """Whether everything accepted has ended, and every outcome of a replay is counted."""
        routed = sum(offset for _, offset in self._all("SELECT * FROM partition"))
        return (
            routed == accepted
            and not self._all("SELECT 1 FROM delivery WHERE word = 4 LIMIT 1")
            and not self._all("SELECT 1 FROM replay WHERE state = 0")
            and not self._all("SELECT 1 FROM replayed WHERE held = 0 LIMIT 1")
        )

    def unsettled(self) -> str:
        """What still moves, for the report."""
        pending = self._all("SELECT event_id, destination_id, code, open FROM delivery WHERE word = 4")
        lanes = self._all("SELECT * FROM lane")
        states = self._all("SELECT * FROM destination")
        carried = self._all("SELECT * FROM replayed")
        return f"pending {pending[:5]}, carried {carried[:5]}, lanes {lanes[:5]}, destinations {states}"

    def judge(self, stream: Sequence[Said]) -> None:
        """What must be true when everything has ended."""
        self._vendors.bulk.process()
        _expect(not self._vendors.broken, "; ".join(self._vendors.broken[:3]))
        self._look_for_leftovers()
        said = {one.key: one for one in stream}
        ended: dict[str, dict[tuple[str, str], tuple[int, str]]] = defaultdict(dict)
        for source, message_id, name, word, code in self._all(
            "SELECT source.name, message_id, destination.name, word, delivery.code FROM delivery "
            "JOIN event ON event.id = event_id JOIN source ON source.id = event.source_id "
            "JOIN destination ON destination.id = destination_id"
        ):
            ended[VENDORS[self._fate.good[name]["type"]]][(source, message_id)] = (word, code)
        entered = {
            key for rows in self._all("SELECT source.name, message_id FROM event JOIN source ON source.id = "
                                      "source_id") for key in [rows]
        }  # fmt: skip
        _expect(said.keys() <= entered, f"accepted and lost: {sorted(said.keys() - entered)[:5]}")
        self._judge_names(said)
        surely, perhaps = told_emails(stream, surely=True), told_emails(stream, surely=False)

        def knows(one: Said) -> str:
            if ids_of(one) & surely or one.tells:
                return GO
            return GO_OR_PARK if ids_of(one) & perhaps else PARK

        for vendor, outcomes in ended.items():
            readings = {key: read(vendor, said[key], knows(said[key])) for key in outcomes}
            self._judge_outcomes(vendor, said, outcomes, readings)
            self._judge_state(vendor, said, outcomes, readings)
            self._judge_appends(vendor, said, outcomes, readings)

    def _judge_names(self, said: dict[tuple[str, str], Said]) -> None:
        """Every track call was counted by its name, once."""
        counted = Counter(
            {
                (source, name): n
                for source, name, n in self._all(
                    "SELECT source.name, event_name.name, n FROM event_name "
                    "JOIN source ON source.id = source_id WHERE kind = 'track'"
                )
            }
        )
        wanted = Counter((one.source, one.name) for one in said.values() if one.kind == "track")
        _expect(counted == wanted, f"track calls counted as {dict(counted)}, not {dict(wanted)}")

    def _look_for_leftovers(self) -> None:
        for table in ("operation", "lane", "replayed"):
            left = self._all(f"SELECT * FROM {table}")
            _expect(not left, f"left in {table}: {left[:3]}")
        leased = self._all("SELECT * FROM record WHERE leased_until_us > 0")
        _expect(not leased, f"still leased: {leased[:3]}")
        # With nothing left to send nothing shows that what blocked it is gone.
        states = self._all(
            "SELECT name, code, (SELECT status FROM call WHERE destination_id = destination.id "
            "AND status NOT IN (429) ORDER BY answered_us DESC LIMIT 1) AS last FROM destination "
            "WHERE blocked AND (coalesce(last, 200) < 300 OR code NOT IN "
            "('credentials_refused', 'host_refused'))"
        )
        _expect(not states, f"blocked, and the last call proved otherwise: {states}")
        waiting = self._all(
            "SELECT parked.* FROM parked JOIN delivery USING (event_id, destination_id) WHERE word != 3"
        )
        _expect(not waiting, f"settled, but waiting for news: {waiting[:3]}")

    def _judge_outcomes(
        self,
        vendor: str,
        said: dict[tuple[str, str], Said],
        outcomes: dict[tuple[str, str], tuple[int, str]],
        readings: dict[tuple[str, str], Reading],
    ) -> None:
        newest = _newest_good(said, outcomes, readings)
        for key, (word, code) in outcomes.items():
            reading, one = readings[key], said[key]
            if reading.word == FILTER:
                allowed = {FILTERED}
            elif reading.word == FAIL:
                allowed = {FAILED}
                if self._fate.holds and vendor == "cs":
                    allowed.add(PARKED)
            elif reading.word == PARK:
                allowed = {PARKED}
            elif reading.poison:
                overtaken = all(
                    newest.get(name, one.stamp) > one.stamp
                    for name, value in reading.asked.fields.items()
                    if "poison" in value
                )
                allowed = {FAILED, DELIVERED} if overtaken else {FAILED}
            else:
                allowed = {DELIVERED}
                if self._fate.holds and vendor == "cs" and reading.asked.append:
                    allowed.add(PARKED)
            if reading.word == GO_OR_PARK:
                allowed.add(PARKED)
            if code == "replay_cancelled":  # it met the destination by a replay only
                allowed.add(FILTERED)
            _expect(
                word in allowed,
                f"{vendor}: {one.kind} {key} ended {WORDS[word]} ({code}), not "
                f"{' or '.join(WORDS[w] for w in sorted(allowed))}",
            )

    def _judge_state(
        self,
        vendor: str,
        said: dict[tuple[str, str], Said],
        outcomes: dict[tuple[str, str], tuple[int, str]],
        readings: dict[tuple[str, str], Reading],
    ) -> None:
        """Promise 4: field by field the newest of what counts as delivered."""
        wanted = merged(
            (said[key].stamp, reading.asked)
            for key, reading in readings.items()
            if outcomes[key][0] == DELIVERED
        )
        found = {name: value for name, value in self._vendors.fields[vendor].items() if name[2]}
        remapped = ("Tier__gc", "Plan__gc") if self._fate.remapped else ()
        for name in sorted(wanted.keys() | found.keys()):
            if name[2] in remapped:
                continue
            _expect(
                wanted.get(name) == found.get(name),
                f"{vendor}: {name} is {found.get(name)!r} and should be {wanted.get(name)!r}",
            )

    def _judge_appends(
        self,
        vendor: str,
        said: dict[tuple[str, str], Said],
        outcomes: dict[tuple[str, str], tuple[int, str]],
        readings: dict[tuple[str, str], Reading],
    ) -> None:
        by_id = {one.message_id: one for one in said.values()}
        receipts = [receipt for receipt in self._vendors.receipts if receipt.vendor == vendor]
        times = Counter(receipt.message_id for receipt in receipts)
        delivered = {
            key[1]
            for key, reading in readings.items()
            if reading.asked.append and outcomes[key][0] == DELIVERED
        }
        missing = delivered - times.keys()
        _expect(not missing, f"{vendor}: delivered, and never received: {sorted(missing)}")
        confirmed = Counter(receipt.message_id for receipt in receipts if receipt.recorded)
        twice = [message for message, n in confirmed.items() if n > 1]
        _expect(not twice, f"{vendor}: received again though the answer had been recorded: {twice}")
        for place, receipt in enumerate(receipts):
            again = receipt.recorded and any(
                later.message_id == receipt.message_id for later in receipts[place + 1 :]
            )
            _expect(not again, f"{vendor}: {receipt.message_id} was sent again after its answer was recorded")
        if self._fate.holds and vendor == "cs":
            unanswered = Counter(receipt.message_id for receipt in receipts if not receipt.denied)
            repeated = [
                message for message, n in unanswered.items() if n > 1 and message not in self._decided
            ]
            _expect(not repeated, f"{vendor}: repeated in spite of `hold`: {repeated}")
        self._judge_order(vendor, [message for message in times if message not in self._decided], by_id)

    def _judge_order(self, vendor: str, firsts: list[str], by_id: dict[str, Said]) -> None:
        routed = {message_id: number for number, message_id in self._all("SELECT id, message_id FROM event")}
        last: dict[tuple[str, str], str] = {}
        for message_id in firsts:
            lane = (by_id[message_id].person, by_id[message_id].source if vendor == "cs" else "")
            before = last.get(lane)
            if before is not None:
                _expect(
                    routed[before] < routed[message_id],
                    f"{vendor}: {message_id} of {lane[0]} arrived after {before}, and happened before it",
                )
            last[lane] = message_id


def _newest_good(
    said: dict[tuple[str, str], Said],
    outcomes: dict[tuple[str, str], tuple[int, str]],
    readings: dict[tuple[str, str], Reading],
) -> dict[Field, Any]:
    """Per field the newest stamp of a value that was delivered and is none that is refused."""
    newest: dict[Field, Any] = {}
    for key, reading in readings.items():
        if outcomes[key][0] != DELIVERED:
            continue
        for name, value in reading.asked.fields.items():
            if "poison" not in value:
                newest[name] = max(newest.get(name, said[key].stamp), said[key].stamp)
    return newest


def _expect(kept: bool, sentence: str) -> None:
    if not kept:
        raise Broken(sentence)
