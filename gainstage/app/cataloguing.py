"""The catalog: what can be set up here, and by which words it is found. Made of the settings models."""

from collections.abc import Iterable
from typing import Any

from gainstage.configuration import inputs_of
from gainstage.destination import Destination
from gainstage.destinations import registry
from gainstage.errors import UnknownName

#: Events come to us and go on from here; nothing runs in pages and apps beside the SDK.
MODES = {
    "cloud": {"web": True, "mobile": True, "server": True},
    "device": {"web": False, "mobile": False, "server": False},
}
#: What else people look for, by the names that other products give it.
OTHERS: tuple[dict[str, Any], ...] = (
    {
        "kind": "audiences",
        "name": "audiences",
        "title": "Audiences and computed traits",
        "edition": "Part of gainstage",
        "purpose": "People or accounts who did something, or a value computed of their events, kept as a "
        "field at Gainsight.",
        "words": ("personas", "engage", "twilio engage", "segments", "cohorts", "profiles", "unify"),
    },
    {
        "kind": "source",
        "name": "source",
        "title": "Source",
        "edition": "Segment's and RudderStack's SDKs",
        "purpose": "Takes the events of a website, an app or a server, with a write key.",
        "words": ("sdk", "write key", "analytics.js", "segment", "rudderstack", "web", "mobile", "server",
                  "node", "ios", "android", "python"),
    },
)  # fmt: skip


def catalog(search: str = "") -> list[dict[str, Any]]:
    """What fits a search: each of its words begins a word of the entry. Everything where it is empty."""
    wanted = search.casefold().split()
    entries = [*(_entry(registry.load(name)) for name in registry.names()), *map(dict, OTHERS)]
    return [one for one in entries if _fits(wanted, one)]


def destination_type(name: str) -> dict[str, Any]:
    """A type with everything that a form asks for.

    Raises:
        UnknownName: there is none.
    """
    if name not in registry.names():
        raise UnknownName(f"There is no destination type {name}; there are: {', '.join(registry.names())}.")
    found = registry.load(name)
    parts = [{"title": title, "settings": names} for title, names in found.parts.items()]
    return {**_entry(found), "settings": inputs_of(found.settings), "parts": parts}


def setting_titles() -> dict[str, str]:
    """What the settings of destinations are called in forms, by name; no two types call one differently."""
    told = {"sources": "Sources", "types": "Calls"}
    for name in registry.names():
        told |= {one["name"]: one["title"] for one in inputs_of(registry.load(name).settings)}
    return told


def _entry(kind: Destination) -> dict[str, Any]:
    return {
        "kind": "destination",
        "name": kind.name,
        "title": kind.title,
        "edition": kind.edition,
        "purpose": kind.purpose,
        "words": kind.words,
        "types": kind.kinds,
        "integrations": kind.integration_names,
        "modes": MODES,
        "tells_fields": kind.doctor is not None,
        "mapped": [
            {
                "on": table.on,
                "title": table.title,
                "setting": table.custom or None,
                "fields": [{"name": row.name, "from": row.source_words or row.label} for row in table.fields],
            }
            for table in kind.mappings
        ],
    }


def _fits(wanted: Iterable[str], entry: dict[str, Any]) -> bool:
    texts = (entry["title"], entry["name"], entry["edition"], *entry["words"])
    words = [word.strip(",.()'") for text in texts for word in str(text).casefold().replace("_", " ").split()]
    return all(any(word.startswith(one) for word in words) for one in wanted)
