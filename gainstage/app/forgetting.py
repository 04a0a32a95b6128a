"""`gainstage forget`: asking for a person to be forgotten, and what became of that."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from gainstage.app.archiving import ArchiveOf
from gainstage.app.computing import following
from gainstage.app.configuring import configurer
from gainstage.app.folder import held, is_held, open_parts, prepare
from gainstage.app.moments import iso
from gainstage.app.pseudonyms import pseudonyms_of
from gainstage.app.sending import delivering
from gainstage.clock import SECOND_US
from gainstage.computing.state import FOLDER_NAME as AUDIENCES
from gainstage.connection import Configuration
from gainstage.delivery.archived import Looked
from gainstage.delivery.deleting import ABSENT, BY_HAND, DELETED, FAILED, WAITING
from gainstage.delivery.finding import Search
from gainstage.destinations import registry
from gainstage.errors import UnknownRequest, UsageError
from gainstage.log.contract import LogUnavailable
from gainstage.log.local import LocalLog
from gainstage.pseudonym import Pseudonyms
from gainstage.sqlite import StorageUnavailable
from gainstage.store.forgetting_rows import ForgettingRow, Names, Phase, Someone
from gainstage.store.reading import Reading
from gainstage.store.store import Store

LOOK_SECONDS = 0.1
READ_AT_ONCE = 2_000
LOOKED_AT_ONCE = 20_000
NOT_ASKED = "not_asked"
#: An earlier attempt may have deleted them, and its answer was lost.
GONE = "There is no such person any more, or there never was: more than one attempt was made."
STATES = {
    Phase.LOG: "looking",
    Phase.LEDGER: "looking",
    Phase.PURGE: "purging",
    Phase.VENDORS: "at_gainsight",
    Phase.REWRITE: "cleaning",
    Phase.DONE: "done",
}
PURGED = ("log_entries", "events", "deliveries", "calls", "archived_events")
SENTENCES = {
    DELETED: "Deleted there.",
    ABSENT: "There is no such person.",
    FAILED: "It could not be done: delete the person there, or ask again.",
    WAITING: "Is asked to delete the person, and asked again while that fails.",
    NOT_ASKED: "Was not to be asked.",
}


def whom(person: str) -> str:
    """Whom a request is about, as it was written.

    Raises:
        UsageError: nobody is named.
    """
    if not person.strip():
        raise UsageError("Name the person: by a userId, an anonymousId or an e-mail.")
    return person.strip()


def would_forget(data: Path, person: str) -> dict[str, Any]:
    """Whom a request would mean and what it would find, with nothing changed.

    `{"person", "ids", "emails", "log_entries", "events", "archived_events",
    "gainsight"}`.

    Raises:
        UsageError: the folder cannot be used.
    """
    name = whom(person)
    store, log = open_parts(data, create=False)
    try:
        with closing(store):
            pseudonyms = pseudonyms_of(data, store)
            with store.reading() as reading:
                someone, configuration = _someone(reading, name), _configuration(store, reading)
            found = asyncio.run(_found(store, log, someone, pseudonyms))
    except (StorageUnavailable, LogUnavailable) as error:
        raise UsageError(str(error)) from None
    return {
        "person": name,
        "ids": list(someone.ids),
        "emails": list(someone.emails),
        **found,
        "gainsight": _told(_vendors(configuration, wanted=True), configuration),
    }


def forget(
    data: Path,
    person: str,
    *,
    at_gainsight: bool = False,
    wait_seconds: float = 0.0,
    progress: Callable[[dict[str, Any]], None] = lambda report: None,
) -> dict[str, Any]:
    """Ask for a person to be forgotten, and wait until it is done or the time is over; the receipt as it is
    then.

    Beside a running server that one does it; else this process does, without sending anything that waits.

    Raises:
        UsageError: nobody is named, or the folder cannot be used.
    """
    name = whom(person)
    if is_held(data):
        return _forget(data, name, at_gainsight, wait_seconds, progress, beside=True)
    with held(prepare(data)):
        return _forget(data, name, at_gainsight, wait_seconds, progress, beside=False)


def _forget(
    data: Path,
    name: str,
    at_gainsight: bool,
    wait_seconds: float,
    progress: Callable[[dict[str, Any]], None],
    *,
    beside: bool,
) -> dict[str, Any]:
    store, log = open_parts(data, create=False)
    try:
        with closing(store):
            pseudonyms = pseudonyms_of(data, store)
            number = _ask(store, pseudonyms, name, at_gainsight=at_gainsight)
            waiting = _wait(store, log, number, wait_seconds, progress, None if beside else pseudonyms)
            return asyncio.run(waiting)
    except (StorageUnavailable, LogUnavailable) as error:
        raise UsageError(str(error)) from None


def _ask(store: Store, pseudonyms: Pseudonyms, name: str, *, at_gainsight: bool) -> int:
    """Keep the request; from then on no event of the person passes."""
    with store.transaction() as transaction:
        someone = _someone(transaction.reading, name)
        vendors = _vendors(_configuration(store, transaction.reading), wanted=at_gainsight)
        digests = [pseudonyms.of(one) for one in someone.names]
        asked = pseudonyms.of(_asked(name))
        return transaction.forgetting.ask(asked, someone, digests, vendors, time.time_ns() // 1_000)


async def _wait(
    store: Store,
    log: LocalLog,
    number: int,
    wait_seconds: float,
    progress: Callable[[dict[str, Any]], None],
    pseudonyms: Pseudonyms | None,
) -> dict[str, Any]:
    until_us = time.time_ns() // 1_000 + int(wait_seconds * SECOND_US)
    # Whoever is forgotten is taken out of what was computed, too: by a server, else here.
    computes = pseudonyms is not None and (store.folder / AUDIENCES).exists()
    computing = following(store.folder) if computes else nullcontext()
    async with delivering(store, log, pseudonyms, sends=False) as engine, computing:
        while True:
            report = _receipt_in(store, number)
            progress(report)
            if report["state"] == "done" or time.time_ns() // 1_000 >= until_us:
                break
            if engine is not None and engine.done():
                engine.result()
            await asyncio.sleep(LOOK_SECONDS)
    await log.close()
    return report


async def _found(store: Store, log: LocalLog, someone: Someone, pseudonyms: Pseudonyms) -> dict[str, int]:
    """How much of a person there is; names that are found on the way are added to them."""
    archive, began_us = ArchiveOf(store.folder), time.time_ns() // 1_000
    try:
        while True:
            search, entries, events = Search(someone, began_us), 0, set[int]()
            for partition in range(log.partitions):
                after = 0
                while slice_ := await log.read(partition, after, READ_AT_ONCE):
                    theirs = search.theirs(partition, slice_)
                    entries += len(theirs)
                    with store.reading() as reading:
                        told = ((stored.entry.source, result.message_id) for stored, result in theirs)
                        events |= reading.receipts.entered(told)
                    after = slice_[-1].offset
            events |= _events(store, someone, search, pseudonyms)
            archived = archive.look(someone, began_us) or Looked(0, Names())
            with store.reading() as reading:
                further = search.further(reading.receipts).and_([archived.further])
            if not _add(store, someone, further):
                return {"log_entries": entries, "events": len(events), "archived_events": archived.events}
    finally:
        await log.close()


def _events(store: Store, someone: Someone, search: Search, pseudonyms: Pseudonyms) -> set[int]:
    """The events of the ledger that are the person's."""
    digests, after = frozenset(pseudonyms.of(key) for key in someone.keys), 0
    events: set[int] = set()
    while True:
        with store.reading() as reading:
            found = reading.receipts.find(digests, someone, after, LOOKED_AT_ONCE)
        events |= {*found.events, *search.theirs_among(found.kept)}
        if found.last is None:
            return events
        after = found.last


def _add(store: Store, someone: Someone, further: Names) -> bool:
    """Add names to a person, and whoever is known by them; True where there were any."""
    if not further.keys and not further.emails:
        return False
    with store.reading() as reading:
        someone.keys, someone.emails = reading.receipts.someone(
            {*someone.keys, *further.keys}, {*someone.emails, *further.emails}
        )
    return True


def receipts(data: Path, person: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """The receipts, the newest first; only those about a person.

    Raises:
        UsageError: the folder cannot be used.
    """
    with closing(_store(data)) as store:
        asked = None
        if person is not None:
            pseudonyms, name = pseudonyms_of(data, store), whom(person)
            names = (_asked(name), f"u:{name}", f"a:{name}", f"e:{name.lower()}")
            asked = [pseudonyms.of(one) for one in names]
        with store.reading() as reading:
            configuration = _configuration(store, reading)
            return [_receipt(row, configuration) for row in reading.receipts.all(asked, limit)]


def receipt(data: Path, number: int) -> dict[str, Any]:
    """One receipt.

    Raises:
        UsageError: there is no such request, or the folder cannot be used.
    """
    with closing(_store(data)) as store:
        return _receipt_in(store, number)


def lift(data: Path, number: int) -> dict[str, Any]:
    """Let the events of the person in again that a request is about; the receipt.

    Raises:
        UsageError: there is no such request, it is not done, or the folder cannot be used.
    """
    with closing(_store(data)) as store:
        found = _receipt_in(store, number)
        if found["state"] != "done":
            raise UsageError(f"Request {number} is not done yet: it can be lifted afterwards.")
        with store.transaction() as transaction:
            transaction.forgetting.lift(number, time.time_ns() // 1_000)
        return _receipt_in(store, number)


def _store(data: Path) -> Store:
    store, log = open_parts(data, create=False)
    asyncio.run(log.close())
    return store


def _receipt_in(store: Store, number: int) -> dict[str, Any]:
    with store.reading() as reading:
        row, configuration = reading.receipts.get(number), _configuration(store, reading)
    if row is None:
        raise UnknownRequest(f"There is no request {number}: `gainstage forget list` shows all.")
    return _receipt(row, configuration)


def _asked(name: str) -> str:
    return f"n:{name.lower()}"


def _someone(reading: Reading, name: str) -> Someone:
    """Everything that identity memory knows to belong together with a name."""
    emails = [name.lower()] if "@" in name else []
    keys, emails_known = reading.receipts.someone([f"u:{name}", f"a:{name}"], emails)
    records = dict.fromkeys(form for kind in registry.names() for form in registry.load(kind).people)
    return Someone(keys, emails_known, tuple(records))


def _configuration(store: Store, reading: Reading) -> Configuration:
    return configurer(store.folder)(reading.documents(), reading.revision())


def _vendors(configuration: Configuration, *, wanted: bool) -> dict[str, Any]:
    """What is to become of the person at each destination."""
    found = {}
    for name, connected in configuration.destinations.items():
        outcome = NOT_ASKED if not wanted else BY_HAND if connected.type.delete is None else WAITING
        found[name] = {"outcome": outcome, "reason": ""}
    return found


def _told(vendors: Mapping[str, Mapping[str, Any]], configuration: Configuration) -> list[dict[str, Any]]:
    told = []
    for name, one in sorted(vendors.items()):
        connected = configuration.destinations.get(name)
        by_hand = connected.type.delete_by_hand if connected else "Delete the person there."
        sentence = by_hand if one["outcome"] == BY_HAND else SENTENCES[one["outcome"]]
        if one["outcome"] == ABSENT and one.get("attempts", 0) > 1:
            sentence = GONE
        at_us = one.get("at_us")
        told.append(
            {
                "destination": name,
                "outcome": one["outcome"],
                "reason": one["reason"],
                "detail": sentence,
                "at": iso(at_us) if at_us else None,
            }
        )
    return told


def _receipt(row: ForgettingRow, configuration: Configuration) -> dict[str, Any]:
    return {
        "request": row.id,
        "asked_for": row.asked.hex(),
        "asked_at": iso(row.asked_us),
        "state": STATES[Phase(row.phase)],
        "detail": row.detail,
        "done_at": iso(row.done_us) if row.done_us else None,
        "suppressed": row.lifted_us is None,
        "lifted_at": iso(row.lifted_us) if row.lifted_us else None,
        "purged": {name: row.counts.get(name, 0) for name in PURGED},
        "mentioned_by_others": row.counts.get("mentioned_by_others"),
        "left_in_log": row.counts.get("left_in_log"),
        "left_in_store": row.counts.get("left_in_store"),
        "log_gone_by": iso(row.log_gone_us) if row.log_gone_us else None,
        "gainsight": _told(row.vendors, configuration),
    }
