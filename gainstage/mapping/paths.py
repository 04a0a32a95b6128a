"""Paths into an event: `traits.email`, `context.page.url`, `properties.date`."""

from typing import Any

from gainstage.event import Event

ROOTS = {
    "traits": lambda event: event.traits,
    "context": lambda event: event.context,
    "properties": lambda event: event.properties,
    "message": lambda event: event.message,
}


def find(container: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none. A key that holds the dots itself wins."""
    if not isinstance(container, dict):
        return None
    value = container.get(path)
    if value is not None or "." not in path:
        return value
    step, _, rest = path.partition(".")
    return find(container.get(step), rest)


def find_in_event(event: Event, path: str) -> Any:
    """The value at a path that begins with a part of the event."""
    root, _, rest = path.partition(".")
    return find(ROOTS[root](event), rest)
