"""Secrets made at first use and kept in the data folder, such as the one that access tokens are signed
under.
"""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

SECRET_BYTES = 32

#: Gives the secret.
TokenSecret = Callable[[], bytes]


class SecretUnavailable(Exception):
    """The secret can be neither read nor made. The sentence says why and what to do."""


def passing_secret() -> TokenSecret:
    """A secret that nobody keeps: its tokens end with the process."""
    secret = secrets.token_bytes(SECRET_BYTES)
    return lambda: secret


class KeptSecret:
    """A secret in a file that only its owner reads: tokens outlive the process. Read once, at first use.

    Whoever deletes the file and restarts the server ends all tokens; SDKs get new ones by themselves.
    Another secret says with `without` what cannot be done without it, and with `damaged` what to do about a
    file that holds none.
    """

    def __init__(
        self,
        path: Path,
        without: str = "no OAuth token can be given or checked",
        damaged: str = "delete it and restart the server; SDKs get new tokens by themselves",
    ) -> None:
        self._path, self._without, self._damaged = path, without, damaged
        self._secret = b""

    def __call__(self) -> bytes:
        """The secret.

        Raises:
            SecretUnavailable: the file cannot be used.
        """
        if not self._secret:
            try:
                self._secret = self._read() or self._make()
            except OSError as error:
                raise SecretUnavailable(
                    f"{self._path} cannot be used ({error.strerror or error}): without it {self._without}; "
                    "make room or give this user access."
                ) from error
        return self._secret

    def _read(self) -> bytes:
        """The secret in the file; empty if there is no file."""
        try:
            secret = self._path.read_bytes()
        except FileNotFoundError:
            return b""
        if len(secret) != SECRET_BYTES:
            raise SecretUnavailable(f"{self._path} is damaged: {self._damaged}.")
        return secret

    def _make(self) -> bytes:
        """Write a new secret, whole or not at all; of two who do so at once, both take the first one's."""
        # mkstemp makes it readable by its owner only.
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f"{self._path.name}.")
        temporary = Path(name)
        try:
            os.write(descriptor, secrets.token_bytes(SECRET_BYTES))
            os.fsync(descriptor)
            with contextlib.suppress(FileExistsError):
                os.link(temporary, self._path)
        finally:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
        _sync_folder(self._path.parent)
        return self._read()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
