"""What is nearly the same, and counts as different: keys of properties, and keys of `integrations`. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from gainstage.clock import SECOND_US
from gainstage.connection import Configuration
from gainstage.event import Event
from gainstage.store.rows import NameCount, NearMiss

#: A spelling that did not come for so long is not warned of any more.
RECENT_US = 30 * 86_400 * SECOND_US


def differing(keys: Iterable[str]) -> list[tuple[str, ...]]:
    """The keys that differ only by letter case, each group in the order given."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(key.casefold(), []).append(key)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def recently_differing(name: NameCount, now_us: int) -> list[tuple[str, ...]]:
    """The keys of a name's properties that differ only by letter case, of those that came lately."""
    return differing(one.key for one in name.keys if one.last_us >= now_us - RECENT_US)


def recent_misses(misses: Iterable[NearMiss], now_us: int) -> list[NearMiss]:
    """Those that came lately."""
    return [one for one in misses if one.last_us >= now_us - RECENT_US]


def notes_of(event: Event, configuration: Configuration) -> list[str]:
    """What is worth knowing about an event beside what became of it, in sentences."""
    return [*event.notes, *_of_integrations(event, configuration), *_of_properties(event.properties)]


def _of_integrations(event: Event, configuration: Configuration) -> Iterator[str]:
    for key, meant in configuration.near_misses(event.source, event.integrations).items():
        yield (
            f"`integrations` has the key {key!r}, which turns nothing on or off: the name is {meant!r}, and "
            f"letter case and blanks count."
        )


def _of_properties(properties: Mapping[str, object]) -> Iterator[str]:
    for group in differing(properties):
        yield f"The properties {listed(group)} differ only by letter case; they are sent as they are."


def listed(keys: Iterable[str]) -> str:
    """Keys in a sentence."""
    *before, last = (f"{key[:100]!r}" for key in keys)
    return f"{', '.join(before)} and {last}" if before else last
