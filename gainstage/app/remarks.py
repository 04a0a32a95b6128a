"""What the names of events give cause to say: in `check` of a destination, and in the status."""

from collections.abc import Iterable, Iterator
from typing import Any

from gainstage.app.moments import iso
from gainstage.app.spelling import listed, recent_misses, recently_differing
from gainstage.connection import Connected
from gainstage.destination import Finding
from gainstage.store.reading import Reading
from gainstage.store.rows import NamesUsed

#: From so many percent of the names that a vendor keeps on it is warned.
WARN_PERCENT = 80
#: So many names with keys that differ only by letter case are told one by one.
NAMES_TOLD = 5


def findings_of(reading: Reading, connected: Connected, now_us: int) -> list[Finding]:
    """What a destination's sources have sent that may not be what was meant, and names that run out."""
    if connected.settings is None:
        return []
    found = list(_near_misses(reading, connected, now_us))
    limit = connected.type.names(connected.settings)
    if limit is not None:
        tenants = (one for one in reading.vocabulary.used() if one.tenant == connected.tenant)
        used = [one._replace(most=limit.most) for one in tenants]
        found += [
            Finding("warning", limit.setting, names_sentence(one, connected.type.title))
            for one in used
            if runs_out(one)
        ]
        found += _spellings(reading, connected, now_us)
    return found


def status_of(reading: Reading, now_us: int) -> dict[str, Any]:
    """The part of the status that is about names."""
    vocabulary = reading.vocabulary
    return {
        "event_names": [
            {"account": one.tenant, "used": one.used, "limit": one.most, "runs_out": runs_out(one)}
            for one in vocabulary.used()
        ],
        "near_misses": [
            {
                "source": one.source,
                "key": one.key,
                "meant": one.meant,
                "count": one.n,
                "last_at": iso(one.last_us),
            }
            for one in recent_misses(vocabulary.near_misses(), now_us)
        ],
        "uncounted": [
            {"source": one.source, "names": one.other_names, "near_misses": one.other_misses}
            for one in vocabulary.sources()
            if one.other_names or one.other_misses
        ],
    }


def runs_out(one: NamesUsed) -> bool:
    """Whether few names are left."""
    return one.used * 100 >= one.most * WARN_PERCENT


def names_sentence(one: NamesUsed, title: str) -> str:
    """How many names are in use, and what to do."""
    return (
        f"{one.used:,} of the {one.most:,} distinct event names that {title} keeps are in use; an event with "
        f"one more than that fails. `gainstage names` lists them: put values (ids, dates) in properties, not "
        f"in names."
    )


def _near_misses(reading: Reading, connected: Connected, now_us: int) -> Iterator[Finding]:
    for one in recent_misses(reading.vocabulary.near_misses(), now_us):
        if one.source in connected.sources and one.meant in (*connected.names, "All"):
            yield Finding("warning", "", miss_sentence(one.source, one.key, one.meant, one.n))


def miss_sentence(source: str, key: str, meant: str, count: int) -> str:
    """What a near miss means."""
    return (
        f"{source} sent the key {key!r} in `integrations` (events: {count:,}), which turns nothing on or "
        f"off: the name is {meant!r}, and letter case and blanks count."
    )


def _spellings(reading: Reading, connected: Connected, now_us: int) -> Iterable[Finding]:
    """Property keys that differ only by letter case, across the events of a name."""
    told = []
    for source in sorted(connected.sources):
        for name in reading.vocabulary.names(source):
            if name.kind not in connected.kinds:
                continue
            for group in recently_differing(name, now_us):
                called = f"{name.kind} {name.name[:100]!r}"
                told.append(
                    f"{source} sends the {called} with the properties {listed(group)}, which differ only by "
                    f"letter case: they may be kept as different ones."
                )
    rest = len(told) - NAMES_TOLD
    more = f"{rest} more such properties: gainstage names lists them."
    sentences = [*told[:NAMES_TOLD], *([more] if rest > 0 else [])]
    return [Finding("warning", "", sentence) for sentence in sentences]
