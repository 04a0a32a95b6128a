"""Names of traits that were sent lately, for whoever maps them: nobody counts them, so the log is read."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gainstage.app.configuring import stored_documents
from gainstage.app.folder import opened_store
from gainstage.app.moments import iso
from gainstage.app.newest import newest
from gainstage.configuration import resolve
from gainstage.errors import UnknownSource

#: Calls that are counted, and messages among which they are looked for: a page waits for it.
EVENTS, LOOKED_AT = 500, 4_000
KINDS = ("identify", "group")
NAMES_AT_MOST = 500
#: Words for the forms of values, the first that fits.
FORMS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "number"),
    (str, "text"),
    (list, "list"),
    (dict, "object"),
)


def traits(data: Path, source: str | None = None, limit: int = EVENTS) -> dict[str, Any]:
    """The traits of the newest identify and group calls of a source, or of all, and how many calls had each.

    Raises:
        UnknownSource: there is none of this name.
        UsageError: the folder holds no data.
    """
    configuration = resolve(stored_documents(data), os.environ, lenient=True).configuration
    known = set(configuration.sources) | configuration.unusable_sources
    if source is not None and source not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise UnknownSource(f"There is no source {source}; configured are: {listed}.")
    lately = newest(data, known if source is None else {source}, KINDS, limit, LOOKED_AT)
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    forms: dict[tuple[str, str], set[str]] = {}
    for _, event in lately.events:
        for name, value in _named(event.traits):
            counts[event.kind][name] += 1
            forms.setdefault((event.kind, name), set()).add(_form(value))
    with opened_store(data) as store, store.reading() as reading:
        unmapped = reading.unmapped()
    return {
        "events": len(lately.events),
        "since": iso(lately.events[-1].event.received_us) if lately.events else None,
        "traits": [
            {"type": kind, "name": name, "events": n, "forms": sorted(forms[kind, name])}
            for kind in KINDS
            for name, n in counts[kind].most_common(NAMES_AT_MOST)
        ],
        "unmapped": [
            {"destination": destination, "name": name, "events": n}
            for destination, named in sorted(unmapped.items())
            for name, n in Counter(named).most_common(NAMES_AT_MOST)
        ],
    }


def _named(traits: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Traits, and what stands in those that are objects, by the path that a mapping takes."""
    for name, value in traits.items():
        if value is None:
            continue
        yield name, value
        if isinstance(value, Mapping):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items() if inner is not None)


def _form(value: Any) -> str:
    return next((word for kind, word in FORMS if isinstance(value, kind)), "other")
