"""The keys under which secrets are kept: from the environment, a file, or the data folder."""

import os
from collections.abc import Mapping
from pathlib import Path

from gainstage.configuration import Seal
from gainstage.configuration.environment import KEY_FILE_VARIABLE, KEY_VARIABLE
from gainstage.errors import DataUnusable, UsageError
from gainstage.ingest.token_secret import KeptSecret, SecretUnavailable

KEY_NAME = "secrets.key"
SHORTEST_KEY = 32
HOW_TO_MAKE_ONE = "make one at random, for example with: openssl rand -hex 32"


def seal_of(data: Path, environment: Mapping[str, str] | None = None, *, make: bool = False) -> Seal:
    """The seal of a data folder. Where no key is given the folder has one of its own, made where `make` says.

    Several keys may be given, each in a line or after a comma: the first one seals, the others open what they
    sealed before.

    Raises:
        UsageError: the key cannot be read or used.
    """
    given = os.environ if environment is None else environment
    text, place = given.get(KEY_VARIABLE, "").strip(), KEY_VARIABLE
    if not text and given.get(KEY_FILE_VARIABLE, "").strip():
        file = Path(given[KEY_FILE_VARIABLE].strip())
        text, place = _content(file), str(file)
        if not text:
            raise UsageError(f"{file}, which {KEY_FILE_VARIABLE} names, holds no key: {HOW_TO_MAKE_ONE}")
    own = _own_key(data, make=make and not text)
    if not text:
        return Seal(own)
    keys = text.replace(",", " ").split()
    if min(map(len, keys)) < SHORTEST_KEY:
        raise UsageError(f"A key in {place} is shorter than {SHORTEST_KEY} characters: {HOW_TO_MAKE_ONE}")
    return Seal([*(key.encode() for key in keys), *own])


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise UsageError(
            f"{file}, which {KEY_FILE_VARIABLE} names, cannot be read: {error.strerror or error}."
        ) from None


def _own_key(data: Path, *, make: bool) -> list[bytes]:
    """The folder's own key; what it sealed before a key was given is opened with it."""
    path = data / KEY_NAME
    if not make and not path.exists():
        return []
    try:
        return [KeptSecret(path, "no secret of the configuration can be read", "put it back from a backup")()]
    except SecretUnavailable as error:
        raise DataUnusable(str(error)) from None
