"""How a delivery can end: the whole vocabulary of outcomes.

Outcomes are values. A destination's exchange settles each piece of work with one of them; the engine alone
decides what follows (advance, wait, take apart, pause). `detail` is a sentence that may hold personal data:
stored and shown to the admin, never logged. `code` is one of `gainstage.reason.REASONS` and safe as a metric
label.
"""

import msgspec


class Delivered(msgspec.Struct, frozen=True):
    """Confirmed by the destination, or known to be there already (`unchanged`, `superseded`)."""

    code: str = ""
    detail: str = ""


class Filtered(msgspec.Struct, frozen=True):
    """A rule said no, on purpose."""

    code: str
    detail: str = ""


class Rejected(msgspec.Struct, frozen=True):
    """This input will always fail. `fields` names the vendor fields at fault, where the answer tells."""

    code: str
    detail: str
    fields: tuple[str, ...] = ()


class Retry(msgspec.Struct, frozen=True):
    """May succeed later. `after_seconds` is the vendor's own wish, where it gave one."""

    code: str
    detail: str
    after_seconds: float | None = None


class Unknown(msgspec.Struct, frozen=True):
    """Sent, and no answer came. `hold`: do not repeat it by itself, a person decides."""

    code: str
    detail: str
    hold: bool = False


class Throttled(msgspec.Struct, frozen=True):
    """Over the vendor's limit: the budget pauses, no attempt is spent."""

    after_seconds: float | None = None
    detail: str = ""


class Parked(msgspec.Struct, frozen=True):
    """The event waits whole for what only another event or a person can bring.

    `for_record`: told by an exchange, it waits until the vendor has the record (its facts say `exists`).
    """

    code: str
    detail: str
    for_record: bool = False


class Blocked(msgspec.Struct, frozen=True):
    """Credentials, host or settings are refused: the destination pauses, no event is at fault."""

    code: str
    detail: str


Outcome = Delivered | Filtered | Rejected | Retry | Unknown | Throttled | Parked | Blocked
