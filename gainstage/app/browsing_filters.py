"""Which events somebody wants to look through: what columns can tell, and what only the messages do."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from gainstage.app.entries import read
from gainstage.app.filtering import read_moment
from gainstage.errors import UsageError
from gainstage.event import KINDS, Event, Identity
from gainstage.log.contract import Entry
from gainstage.pseudonym import Pseudonyms
from gainstage.reason import REASONS, WORDS
from gainstage.reason.failing import REFUSED as REFUSALS
from gainstage.store.browsing import Wanted
from gainstage.store.reading import Reading
from gainstage.store.rows import PENDING, REFUSED

#: The word for messages that met no destination.
REFUSED_WORD = "refused"
OUTCOMES = (*WORDS, REFUSED_WORD)

_identity = msgspec.json.Decoder(Identity)


class Asked(NamedTuple):
    """The filters as they are given; None leaves nothing out."""

    message_id: str | None = None
    #: A userId or an anonymousId.
    user_id: str | None = None
    email: str | None = None
    company: str | None = None
    kind: str | None = None
    name: str | None = None
    source: str | None = None
    destination: str | None = None
    outcome: str | None = None
    reason: str | None = None
    since: str | None = None
    until: str | None = None


class Meant(NamedTuple):
    """The filters as they are looked for."""

    wanted: Wanted
    #: The events, where a message id names them.
    numbers: Sequence[int] | None
    #: What only messages tell; letter case counts for nothing in a company or a name.
    company: str | None
    kind: str | None
    name: str | None
    #: Why a delivery is pending, which is found out one by one; and where.
    reason: str | None
    destination: str | None

    @property
    def of_message(self) -> bool:
        """Whether messages have to be read."""
        return self.company is not None or self.kind is not None or self.name is not None

    @property
    def needs_more(self) -> bool:
        """Whether columns alone cannot tell."""
        return self.of_message or self.reason is not None

    @property
    def is_indexed(self) -> bool:
        """Whether only events that nearly fit are looked at."""
        return self.numbers is not None or self.wanted.is_indexed

    def fits(self, row: Mapping[str, Any], entry: Entry | None) -> bool:
        """Whether the message is what was asked for. One that is kept no more is nothing of it."""
        if entry is None or not self._may_fit(row, entry):
            return False
        event = read(row, entry)
        if not isinstance(event, Event):
            return False
        return (
            (self.kind is None or event.kind == self.kind)
            and (self.name is None or event.name.strip().casefold() == self.name)
            and (self.company is None or self.company in _companies(event, row["identity"]))
        )

    def _may_fit(self, row: Mapping[str, Any], entry: Entry) -> bool:
        """Whether it is worth reading: most messages show at a glance that they are something else."""
        told, known = (entry.body + entry.surroundings).lower(), (row["identity"] or b"").lower()
        if b"\\" in told or not told.isascii() or not known.isascii():
            return True
        if self.company is not None and not _may_stand(self.company, told + known):
            return False
        return all(one is None or _may_stand(one, told) for one in (self.kind, self.name))


def meant_by(reading: Reading, asked: Asked, pseudonyms: Pseudonyms) -> Meant | None:
    """What the filters mean; None where nothing can fit.

    Raises:
        UsageError: one of them is no filter.
    """
    word = _word(asked)
    if asked.kind is not None and asked.kind not in KINDS:
        raise UsageError(f"There is no type {asked.kind}: it is one of {', '.join(KINDS)}.")
    now, browsing = datetime.now(UTC), reading.browsing
    numbers: dict[str, int | None] = {}
    for kind, name in (("source", asked.source), ("destination", asked.destination)):
        numbers[kind] = browsing.number(kind, name) if name is not None else None
        if name is not None and numbers[kind] is None:
            return None
    waits = asked.reason if word == PENDING else None
    keys = _people(reading, asked)
    wanted = Wanted(
        source=numbers["source"],
        destination=numbers["destination"],
        word=word,
        code=None if waits else asked.reason,
        since_us=read_moment(asked.since, now) if asked.since else None,
        until_us=read_moment(asked.until, now) if asked.until else None,
        people=[pseudonyms.of(key) for key in sorted(keys)],
        email=asked.email.strip().lower() if asked.email else "",
    )
    return Meant(
        wanted=wanted,
        numbers=_of_message_id(reading, asked, wanted) if asked.message_id is not None else None,
        company=asked.company.strip().casefold() if asked.company is not None else None,
        kind=asked.kind,
        name=asked.name.strip().casefold() if asked.name is not None else None,
        reason=waits,
        destination=asked.destination,
    )


def _word(asked: Asked) -> int | None:
    """The outcome that is meant; one that the reason tells where none is named."""
    if asked.reason is not None and asked.reason not in REASONS:
        raise UsageError(f"There is no reason {asked.reason}: the reference lists those that there are.")
    if asked.outcome is None:
        return None if asked.reason is None else _word_of(asked.reason)
    if asked.outcome not in OUTCOMES:
        raise UsageError(f"There is no outcome {asked.outcome}: it is one of {', '.join(OUTCOMES)}.")
    return REFUSED if asked.outcome == REFUSED_WORD else WORDS.index(asked.outcome)


def _word_of(reason: str) -> int:
    if reason in REFUSALS:
        return REFUSED
    return WORDS.index(REASONS[reason].word)


def _people(reading: Reading, asked: Asked) -> set[str]:
    """Whom the filters mean, as identity memory calls them."""
    if asked.user_id is not None and asked.email is not None:
        raise UsageError("Name a user or an e-mail, not both.")
    if asked.user_id is not None:
        return reading.browsing.users(asked.user_id)
    return reading.browsing.users_of(asked.email.strip()) if asked.email is not None else set()


def _of_message_id(reading: Reading, asked: Asked, wanted: Wanted) -> list[int]:
    """The events of a message id that fit, the newest first."""
    assert asked.message_id is not None
    numbers = sorted((row["id"] for row in reading.events(asked.message_id)), reverse=True)
    return [one for one in numbers if reading.browsing.between(wanted, one, one + 1, 1)]


def _companies(event: Event, identity: bytes | None) -> set[str]:
    """The companies that an event is about: the one that it names, and the one that was known of its user."""
    account = event.traits.get("accountId") if event.kind == "identify" else None
    known = _identity.decode(identity).account if identity else ""
    named = (event.group_id, known, str(account) if account is not None else "")
    return {one.strip().casefold() for one in named} - {""}


def _may_stand(text: str, told: bytes) -> bool:
    """Whether a text may stand in a message of small letters; what could be a number may be written otherwise
    there.
    """
    return text.lstrip("-")[:1].isdigit() or msgspec.json.encode(text)[1:-1] in told
