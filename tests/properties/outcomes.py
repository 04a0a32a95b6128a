"""How messages ended, as the ledger says it, and what must be true of that in every world."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from tests.properties.case import Message
from tests.properties.transport import Attempt, expect
from tests.properties.world import Tenancy

WORDS = ("delivered", "filtered", "failed", "parked", "pending")
DELIVERED, FILTERED, FAILED, PARKED = range(4)
Key = tuple[str, str]
"""Source and message id: what a message is told apart by."""


class Ended(NamedTuple):
    """How a message ended at a destination."""

    word: int
    code: str
    at: float
    detail: str


def read_outcomes(tenancy: Tenancy) -> Mapping[Key, Mapping[str, Ended]]:
    """How each message ended, by destination.

    Raises:
        Broken: something is left over, has no reason, or the tenant's limit was exceeded.
    """
    expect(not tenancy.transport.limits.exceeded, "the tenant's limit was exceeded")
    found: dict[Key, dict[str, Ended]] = defaultdict(dict)
    tenancy.open()
    try:
        for source, name, message_id, word, code, at_us, detail in tenancy.rows(
            "SELECT source.name, destination.name, message_id, word, delivery.code, at_us, "
            "delivery.detail FROM delivery JOIN event ON event.id = event_id "
            "JOIN source ON source.id = event.source_id "
            "JOIN destination ON destination.id = destination_id"
        ):
            at = (at_us - tenancy.clock.now_us()) / 1e6 + tenancy.seconds
            found[(source, message_id)][name] = Ended(word, code, at, detail)
        _look_for_leftovers(tenancy)
    finally:
        tenancy.close()
    return found


def _look_for_leftovers(tenancy: Tenancy) -> None:
    for table in ("operation", "lane", "joining"):
        left = tenancy.rows(f"SELECT * FROM {table}")
        expect(not left, f"left in {table}: {left[:3]}")
    leased = tenancy.rows("SELECT * FROM record WHERE leased_until_us > 0")
    expect(not leased, f"still leased: {leased[:3]}")
    silent = tenancy.rows("SELECT event_id FROM delivery WHERE word > 0 AND (code = '' OR detail = '')")
    expect(not silent, f"no reason is given for {silent}")


def expect_one_of(
    said: Message,
    ended: Mapping[str, Ended],
    feeds: Mapping[str, tuple[str, ...]],
    allowed: Mapping[str, set[tuple[int, str]]],
) -> None:
    """Raise Broken unless a message met the destinations that its source feeds, and ended as it may.

    `allowed`: by destination, words and codes; an empty code is any.
    """
    wanted = {name for name, sources in feeds.items() if said.source in sources}
    expect(set(ended) == wanted, f"{said.message_id} met {set(ended)}, not {wanted}")
    for name, one in ended.items():
        may = allowed[name]
        expect(
            (one.word, one.code) in may or (one.word, "") in may,
            f"{name}: {said.kind} {said.message_id} ended {WORDS[one.word]} ({one.code}: "
            f"{one.detail}), not one of {sorted((WORDS[word], code) for word, code in may)}",
        )


def judge_repeats(tenancy: Tenancy, *, holds: bool) -> None:
    """Nothing is sent again after its answer, nor, under `hold`, after its answer was lost."""
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in tenancy.transport.attempts:
        attempts[attempt.message_id].append(attempt)
    for message_id, made in attempts.items():
        for one, again in pairwise(made):
            killed = any(one.at - 1 <= end <= again.at for end in tenancy.ends)
            expect(one.ended != "yes" or killed, f"{message_id} was sent again after its answer had come")
            held = one.ended == "no" or (killed and one.ended == "yes")
            expect(held or not holds, f"{message_id} was repeated in spite of hold")
