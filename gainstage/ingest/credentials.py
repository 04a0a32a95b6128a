"""Which source sends: the write key in its four places, and a look-up that tells nothing of near misses."""

import binascii
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from gainstage.connection import Source
from gainstage.ingest.answers import (
    INVALID_WRITE_KEY,
    MISSING_WRITE_KEY,
    SECRET_WRITE_KEY,
    Refused,
    unavailable,
)
from gainstage.ingest.asgi import RequestHeaders, Scope

#: Some SDKs for apps delete what they hold when they hear that their key is unknown: they must not hear it
#: while that is not sure.
KEYS_UNCERTAIN = unavailable("the source of this write key may be one that cannot be read now")


def basic_user(headers: RequestHeaders) -> str:
    """The user of Basic authentication, with or without the colon behind it; "" if there is none."""
    value = headers.get(b"authorization")
    if value is None or value[:6].lower() != b"basic ":
        return ""
    try:
        return binascii.a2b_base64(value[6:]).split(b":", 1)[0].decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def query_key(scope: Scope) -> str:
    """`writeKey` of the query string; "" if there is none."""
    query = scope.get("query_string", b"")
    if not query:
        return ""
    try:
        return parse_qs(str(query, "ascii"), max_num_fields=100).get("writeKey", [""])[0].strip()
    except ValueError:
        return ""


def text_key(value: Any) -> str:
    """A write key as a body holds it; "" for anything that is none."""
    return value.strip() if type(value) is str else ""


class Credentials:
    """The sources by the digests of their write keys: the time of a look-up says nothing about the keys.

    `old_keys` counts the requests with a former write key, by source.
    """

    def __init__(
        self,
        sources: Callable[[], Mapping[str, Source]],
        complete: Callable[[], bool],
        old_keys: Counter[str],
    ) -> None:
        self._sources = sources
        self._complete = complete
        self._counted = old_keys
        self._indexed: Mapping[str, Source] | None = None
        self._by_digest: dict[bytes, Source] = {}
        self._old: set[bytes] = set()

    def source(self, write_key: str) -> Source:
        """Whose key this is.

        Raises:
            Refused: there is no key, or nobody's, or it cannot be told whose.
        """
        if not write_key:
            raise Refused(MISSING_WRITE_KEY)
        sources = self._sources()
        if sources is not self._indexed:  # a new configuration is a new mapping
            self._index(sources)
        digest = _digest(write_key)
        found = self._by_digest.get(digest)
        if found is None:
            raise Refused(INVALID_WRITE_KEY if self._complete() else KEYS_UNCERTAIN)
        if digest in self._old:
            self._counted[found.name] += 1
        return found

    def _index(self, sources: Mapping[str, Source]) -> None:
        old = {_digest(key): source for source in sources.values() for key in source.old_write_keys}
        self._by_digest = old | {_digest(source.write_key): source for source in sources.values()}
        self._indexed, self._old = sources, set(old)

    def public_source(self, write_key: str) -> Source:
        """Whose key this is, where it stood in the open: in an address, which logs and histories keep.

        Raises:
            Refused: as above; or the key is a server's, and so a secret.
        """
        found = self.source(write_key)
        if found.kind == "server":
            raise Refused(SECRET_WRITE_KEY)
        return found


def _digest(write_key: str) -> bytes:
    return sha256(write_key.encode("utf-8", "surrogatepass")).digest()
