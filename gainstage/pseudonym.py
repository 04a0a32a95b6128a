"""Keyed hashes that stand for people: whoever has not the key cannot find out whom they mean."""

import hmac
from collections.abc import Iterator
from functools import lru_cache

from gainstage.event import Event

DIGEST_BYTES = 16
REMEMBERED = 20_000


class Pseudonyms:
    """Hashes under one key. What is hashed is a name with its kind: `u:<userId>`, `a:<anonymousId>`,
    `e:<e-mail>`.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.of = lru_cache(REMEMBERED)(self._of)

    def _of(self, name: str) -> bytes:
        text = name.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256")[:DIGEST_BYTES]

    def of_person(self, event: Event) -> bytes:
        """Whose event it is."""
        return self.of(person_of(event))

    def all_of(self, event: Event) -> Iterator[bytes]:
        """Everybody whom an event is about: its person, who they were before an alias, and the e-mail that
        it tells.
        """
        yield self.of_person(event)
        if event.previous_id:
            yield self.of(f"u:{event.previous_id}")
            yield self.of(f"a:{event.previous_id}")
        for email in emails_of(event):
            yield self.of(f"e:{email}")


def person_of(event: Event) -> str:
    """Whose event it is, as identity memory calls them: by the userId, else by the anonymousId."""
    return f"u:{event.user_id}" if event.user_id else f"a:{event.anonymous_id}"


def emails_of(event: Event) -> set[str]:
    """The e-mails of its user that an event tells, in lower case: people are one in any letter case."""
    told = (
        event.traits.get("email") if event.kind == "identify" else None,
        event.context_traits.get("email"),
    )
    return {email.strip().lower() for email in told if isinstance(email, str) and "@" in email}
