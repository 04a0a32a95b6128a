"""Passwords: which are good enough, and how they are kept.

argon2id [RFC 9106]. What is kept names its parameters, so that others may be chosen later.
"""

import base64
import unicodedata
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from gainstage.accounts.names import folded
from gainstage.errors import UsageError

if TYPE_CHECKING:
    from argon2 import Parameters

LEAST_CHARACTERS = 12
MOST_BYTES = 1024
#: What people put between and behind words.
BETWEEN = frozenset(" -_.,;:!?*+#@$&/'\"")


def judged_password(text: str, name: str) -> str:
    """A password that the user of this name may have.

    Raises:
        UsageError: it is too short, too long, or one that is tried first.
    """
    if len(text) < LEAST_CHARACTERS:
        raise UsageError(
            f"The password has fewer than {LEAST_CHARACTERS} characters: choose a longer one, for example "
            "some words; which characters they are made of is yours to choose."
        )
    if not _is_short_enough(text):
        raise UsageError(f"The password has more than {MOST_BYTES} bytes: choose a shorter one.")
    plain = _plain(text)
    known = {
        one for word in (name, name.partition("@")[0], "gainstage", "gainsight") if (one := _plain(word))
    }
    if plain in _frequent() or len(set(plain)) < 4 or _rest(plain, known) < 5:
        raise UsageError("The password is one of those that are tried first: choose another one.")
    return text


def _is_short_enough(text: str) -> bool:
    return len(text.encode("utf-8", "surrogatepass")) <= MOST_BYTES


def _bytes(text: str) -> bytes:
    """What is hashed: the same however a keyboard composes the characters."""
    return unicodedata.normalize("NFKC", text).encode("utf-8", "surrogatepass")


def _plain(text: str) -> str:
    """As it is compared with those that are tried first: without case and what stands between letters."""
    return "".join(character for character in folded(text) if character not in BETWEEN)


def _rest(plain: str, known: set[str]) -> int:
    """How many characters a password has beside words that anybody would think of."""
    for word in sorted(known, key=len, reverse=True):
        plain = plain.replace(word, "")
    return len(plain)


@cache
def _frequent() -> frozenset[str]:
    text = resources.files(__package__).joinpath("frequent.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.split() if line)


class Passwords:
    """Hashes and verifies. Each takes tens of megabytes and a good part of a second: not on an event loop."""

    def __init__(self, parameters: "Parameters | None" = None) -> None:
        """Without parameters, those of RFC 9106 for where memory is short."""
        # Loaded where it is needed: commands that read have no use for it.
        from argon2 import PasswordHasher
        from argon2.exceptions import InvalidHashError, VerificationError
        from argon2.profiles import RFC_9106_LOW_MEMORY

        parameters = parameters or RFC_9106_LOW_MEMORY
        self._wrong: tuple[type[Exception], ...] = (VerificationError, InvalidHashError)
        self._hasher = PasswordHasher.from_parameters(parameters)
        salt, digest = (
            base64.b64encode(bytes(size)).decode().rstrip("=")
            for size in (parameters.salt_len, parameters.hash_len)
        )
        #: Of nobody's password; verifying it takes as long as verifying somebody's.
        self.nobodys = (
            f"$argon2id$v={parameters.version}$m={parameters.memory_cost},t={parameters.time_cost},"
            f"p={parameters.parallelism}${salt}${digest}"
        )

    def hash(self, password: str) -> str:
        """What is kept of a password."""
        return self._hasher.hash(_bytes(password))

    def verify(self, kept: str, password: str) -> bool:
        """Whether it is the password. A longer one than any may be takes as long as another."""
        short_enough = _is_short_enough(password)
        given = _bytes(password) if short_enough else b""
        try:
            return self._hasher.verify(kept, given) and short_enough
        except self._wrong:
            return False

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than those of today."""
        try:
            return self._hasher.check_needs_rehash(kept)
        except self._wrong:
            return True
