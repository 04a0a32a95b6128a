"""Secrets as they are kept: sealed, so that whoever reads the store alone has none of them.

AES-SIV [RFC 5297]: the same secret in the same place is sealed alike, so that putting a configuration in
force once more changes nothing; in another place it does not open.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from gainstage.configuration.document import Document, Written
from gainstage.configuration.environment import SEALED
from gainstage.configuration.places import join
from gainstage.configuration.secrets import Found, replaced, secrets_of, texts

KEY_BYTES = 64
PURPOSE = b"gainstage secrets 1"


class Seal:
    """Seals with the first of some keys, and opens with any of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` are of any length, and hard to guess."""
        self._ciphers = [_cipher(key) for key in keys]

    def sealed(self, documents: Iterable[Written]) -> list[Document]:
        """Documents with every secret sealed. What is sealed already stays as it is."""
        return [_with(Document.of(document), secrets_of, self._seal) for document in documents]

    def opened(self, documents: Iterable[Written]) -> list[Document]:
        """Documents with every secret as it was written. What none of the keys opens stays sealed."""
        return [_with(Document.of(document), _all_texts, self._open) for document in documents]

    def _seal(self, place: str, text: str) -> str:
        if text.startswith(SEALED):
            return text
        content = self._ciphers[0].encrypt(text.encode("utf-8", "surrogatepass"), [place.encode()])
        return SEALED + base64.urlsafe_b64encode(content).decode()

    def _open(self, place: str, text: str) -> str:
        if not text.startswith(SEALED):
            return text
        for cipher in self._ciphers:
            try:
                content = base64.urlsafe_b64decode(text.removeprefix(SEALED))
                return cipher.decrypt(content, [place.encode()]).decode("utf-8", "surrogatepass")
            except (cipher.refusal, binascii.Error, ValueError):
                continue
        return text


class _Cipher(NamedTuple):
    encrypt: Callable[[bytes, list[bytes]], bytes]
    decrypt: Callable[[bytes, list[bytes]], bytes]
    #: What `decrypt` raises for what it did not make.
    refusal: type[Exception]


def _cipher(key: bytes) -> _Cipher:
    # Loaded where it is needed: it would cost every command a tenth of a second.
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    siv = AESSIV(HKDF(SHA512(), KEY_BYTES, None, PURPOSE).derive(key))
    return _Cipher(siv.encrypt, siv.decrypt, InvalidTag)


def _with(
    document: Document, found: Callable[[Document], Iterable[Found]], change: Callable[[str, str], str]
) -> Document:
    about = f"{document.kind} {document.name}"
    changed = [(steps, change(join(steps, about), text)) for steps, text in found(document)]
    return replace(document, body=replaced(document.body, changed))


def _all_texts(document: Document) -> Iterable[Found]:
    return texts(document.body)
