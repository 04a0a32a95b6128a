"""Values of traits, and what may become of each at the tenant."""

from dataclasses import dataclass
from typing import Any

#: What may become of a value beside being stored: refused before any call, by the tenant, or never stored.
UNFIT, BAD, UNSAID = "unfit", "bad", "unsaid"
Made = tuple[Any, Any, str]
"""As sent, as stored, fate."""


@dataclass(frozen=True)
class Value:
    """What a message says of a field, and what the tenant then holds. `fate` is empty for what it stores."""

    trait: str
    field: str
    sent: Any
    stored: Any = None
    fate: str = ""


def good(value: Any) -> Made:
    """Stored as it is sent."""
    return value, value, ""
