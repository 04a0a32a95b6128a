"""One reading of the figures: what runs on in the store, and the calls that were made since the last one."""

from collections.abc import Mapping
from pathlib import Path

from gainstage.computed import COMPUTED_SOURCE
from gainstage.figures.keeping import Kept
from gainstage.figures.sample import CALLS, UNMET, WORDS, Series
from gainstage.reason import WORDS as NAMES
from gainstage.store.reading import Reading
from gainstage.store.store import Store

Standing = dict[Series, tuple[int, ...]]


def record(data: Path, delays: Mapping[Series, tuple[int, ...]], now_us: int, *, thin: bool = False) -> None:
    """Keep a reading of the store, and delays that were measured since the last one.

    Raises:
        StorageUnavailable: it cannot be kept, or the store cannot be read.
        NoStore: there is no store.
    """
    store = Store(data, create=False)
    try:
        kept = Kept(data)
        try:
            with store.reading() as reading:
                standing = standing_of(reading)
                last_call = reading.spending.last_call()
                before = kept.last_call()
                calls = calls_since(reading, min(before, last_call) if before is not None else last_call)
            kept.add(standing, {**calls, **delays}, last_call, now_us)
            if thin:
                kept.thin(now_us)
        finally:
            kept.close()
    finally:
        store.close()


def standing_of(reading: Reading) -> Standing:
    """What runs on in the store: the words of the ledger, and what met no destination."""
    words = {
        Series(WORDS, *pair): tuple(counts[name] for name in NAMES)
        for pair, counts in reading.counters().items()
    }
    unmet = {
        Series(UNMET, source): (counts["refused"], counts["duplicates"])
        for source, counts in reading.met_none().items()
    }
    return {**words, **unmet}


def calls_since(reading: Reading, call: int) -> Standing:
    """Calls made after one, and how many of them spoke for audiences alone."""
    spent = reading.spending.since(call, COMPUTED_SOURCE)
    return {Series(CALLS, destination=name): tuple(one) for name, one in spent.items()}
