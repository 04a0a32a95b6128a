"""The applications that may ask for tokens, by their ids, as the sources in force name them."""

from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

from gainstage.connection import ClientKey, Source


class Client:
    """One key of one application, with what its sources say about it."""

    def __init__(self, key: ClientKey) -> None:
        self.id = key.client_id
        self.fingerprint = fingerprint(key)
        self._public_key = key.public_key
        self.audiences: set[str] = set()
        #: Whether the address that the token endpoint was asked at is an audience too.
        self.takes_address_asked = False

    @cached_property
    def public_key(self) -> Any:
        """The key, loaded."""
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        return load_pem_public_key(self._public_key.encode())


class Clients:
    """Looks clients up; follows the configuration, so that a key that leaves it is worth nothing at once."""

    def __init__(self, sources: Callable[[], Mapping[str, Source]]) -> None:
        self._sources = sources
        self._indexed: Mapping[str, Source] | None = None
        self._by_ids: dict[tuple[str, str], Client] = {}
        self._fingerprints: frozenset[str] = frozenset()

    def find(self, client_id: str, key_id: str) -> Client | None:
        """The client with this key; None if no source names it."""
        self._follow()
        return self._by_ids.get((client_id, key_id))

    def knows(self, fingerprint: str) -> bool:
        """Whether a source names the key with this fingerprint."""
        self._follow()
        return fingerprint in self._fingerprints

    def __bool__(self) -> bool:
        self._follow()
        return bool(self._by_ids)

    def _follow(self) -> None:
        sources = self._sources()
        if sources is self._indexed:  # a new configuration is a new mapping
            return
        found: dict[tuple[str, str], Client] = {}
        for source in sources.values():
            for key in source.oauth.keys if source.oauth else ():
                client = found.setdefault((key.client_id, key.key_id), Client(key))
                audiences = source.oauth.audiences if source.oauth else ()
                client.audiences.update(audiences)
                client.takes_address_asked |= not audiences
        self._by_ids = found
        self._fingerprints = frozenset(client.fingerprint for client in found.values())
        self._indexed = sources


@lru_cache(maxsize=1024)
def fingerprint(key: ClientKey) -> str:
    """What stands for this key in tokens: another public key, or another application, is another one."""
    return sha256("\0".join((key.client_id, key.key_id, key.public_key)).encode()).hexdigest()[:32]
