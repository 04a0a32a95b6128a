"""What a reason is."""

from typing import Literal, NamedTuple

#: The words of the ledger, from best to worst; an event's outcome is the worst of its operations'.
Word = Literal["delivered", "filtered", "failed", "parked", "pending"]
WORDS: tuple[Word, ...] = ("delivered", "filtered", "failed", "parked", "pending")


class Reason(NamedTuple):
    """One code of the closed list."""

    word: str
    #: What it is called in a list, in the words of who looks after customers.
    title: str
    cause: str
    #: What it looks like: of an event, of a setting, or (quoted) of the sentence beside it.
    example: str
    remedy: str
