"""What users and tokens may be called, and when two names are the same."""

import unicodedata

from gainstage.errors import UsageError

NAME_CHARACTERS = 100


def judged_name(text: str) -> str:
    """A name as it is kept.

    Raises:
        UsageError: nobody can be called so.
    """
    name = unicodedata.normalize("NFKC", text).strip()
    if not name:
        raise UsageError("A name is needed: an e-mail, or any other one.")
    if len(name) > NAME_CHARACTERS:
        raise UsageError(f"The name is longer than {NAME_CHARACTERS} characters: choose a shorter one.")
    if not name.isprintable() or any(mark in name for mark in "/\\"):
        raise UsageError("A name has no slashes and no control characters: choose another one.")
    return name


def folded(name: str) -> str:
    """How names are compared: in any letter case, however their characters are composed."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).strip().casefold())
