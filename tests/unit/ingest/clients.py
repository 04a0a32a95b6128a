"""Applications that ask for tokens: their keys, the assertions they sign, the requests they make."""

import functools
import itertools
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gainstage.connection import ClientKey
from gainstage.ingest.oauth import ASSERTION_TYPE, GRANT
from tests.unit.ingest.requests import NOW_US

ADDRESS = "http://127.0.0.1:8080"
NOW = NOW_US // 1_000_000

_numbers = itertools.count(1)


@functools.cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """The key of this name: the same one in the whole run."""
    return rsa.generate_private_key(65537, 2048)


def private_text(key: rsa.RSAPrivateKey) -> str:
    """The key as SDKs are given it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_text(key: rsa.RSAPrivateKey) -> str:
    """The public half as the configuration has it."""
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def client_key(client_id: str = "backend", key_id: str = "k1", key: str = "good") -> ClientKey:
    """A client's key as a source names it."""
    return ClientKey(client_id, key_id, public_text(private_key(key)))


def assertion(
    *, key: Any = "good", alg: str = "RS256", kid: str | None = "k1", now: float = NOW, **claims: Any
) -> str:
    """What Segment's SDKs sign, with claims of our own; None leaves one out."""
    said = {
        "iss": "backend",
        "sub": "backend",
        "aud": ADDRESS,
        "iat": now - 5,
        "exp": now + 55,
        "jti": f"assertion-{next(_numbers)}",
        **claims,
    }
    said = {name: value for name, value in said.items() if value is not None}
    signing = private_key(key) if isinstance(key, str) and alg == "RS256" else key
    return jwt.encode(said, signing, alg, headers={} if kid is None else {"kid": kid})


def form(signed: str | None, **parameters: str | None) -> bytes:
    """A request's body; None leaves a parameter out."""
    said = {
        "grant_type": GRANT,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
        "scope": "tracking_api:write",
        **parameters,
    }
    return urlencode({name: value for name, value in said.items() if value is not None}).encode()
