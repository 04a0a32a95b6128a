"""What audiences and computed traits say of people and accounts: calls of our own, in a source of their own.

Their form is that of Segment's Engage: an identify or a group whose traits hold the value under the
computation's key, with `context.personas` beside it (Segment's documents, engage/using-engage-data).
"""

from typing import Any, Literal, NamedTuple

from gainstage.event import Event

#: No configured source can have this name.
COMPUTED_SOURCE = "gainstage:audiences"
#: The namespace that the calls name; the peer's is that of a workspace.
NAMESPACE = "gainstage"

ComputationClass = Literal["audience", "trait"]


class Computed(NamedTuple):
    """What a call of a computation says."""

    key: str
    #: True or false for an audience; None: there is no value any more.
    value: Any


def computed_by(event: Event) -> Computed | None:
    """What a call says for a computation; None for what people and products sent."""
    if event.source != COMPUTED_SOURCE:
        return None
    personas = event.context.get("personas")
    key = personas.get("computation_key") if isinstance(personas, dict) else None
    return Computed(key, event.traits.get(key)) if isinstance(key, str) else None


def source_shown(name: str) -> str:
    """A source as people know it; that of computations is nothing that anybody set up."""
    return "(audiences)" if name == COMPUTED_SOURCE else name
