"""The form of a source's `oauth` in the file: the public keys of the applications that get tokens."""

from collections.abc import Iterator, Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from gainstage.connection import ClientKey, OAuth, Source
from gainstage.setting import Form

KEY_BITS_AT_LEAST = 2048
KEYS_AT_MOST = 100
ID_CHARACTERS = 255


def rsa_public_key(text: str) -> str:
    """An RSA public key as PEM, written the one way that this key is always written."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if "PRIVATE KEY-----" in text:
        raise ValueError(
            "is a private key, which only the SDK may hold: give the public one, of a new pair, since this "
            "one has been written down here"
        )
    try:
        # Files of environment variables often have room for one line only.
        key = serialization.load_pem_public_key(text.replace("\\n", "\n").encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            "must be a public key as PEM, from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----"
        ) from None
    if not isinstance(key, RSAPublicKey) or key.key_size < KEY_BITS_AT_LEAST:
        raise ValueError(f"must be an RSA key of at least {KEY_BITS_AT_LEAST} bits: the SDKs sign with RS256")
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def auth_server(text: str) -> str:
    """What SDKs are given as the address of the authorization server."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError('must be an address such as "https://events.acme.com"')
    return text


Id = Annotated[str, Field(min_length=1, max_length=ID_CHARACTERS)]


class ClientKeyForm(Form):
    """One key of one application."""

    client_id: Id = Field(description="What the SDK is given as its client id.")
    key_id: Id = Field(description="What the SDK is given as its key id.")
    public_key: Annotated[str, AfterValidator(rsa_public_key)] = Field(
        description="RSA, as PEM; the SDK has the private half."
    )


class OAuthForm(Form):
    """Who may send to a source with a token."""

    keys: list[ClientKeyForm] = Field(
        min_length=1, max_length=KEYS_AT_MOST, description="The applications' public keys."
    )
    required: bool = Field(default=True, description="Off: the write key alone is enough, too.")
    audiences: list[Annotated[str, AfterValidator(auth_server)]] = Field(
        default_factory=list,
        description="Addresses that SDKs are given as their auth server. Default: the one they ask at.",
    )

    def made(self) -> OAuth:
        """What it says, for those who act on it."""
        keys = tuple(ClientKey(key.client_id, key.key_id, key.public_key) for key in self.keys)
        return OAuth(keys, self.required, tuple(self.audiences))


def conflicts(oauth: OAuth, others: Mapping[str, Source]) -> Iterator[tuple[str, str]]:
    """Place and sentence of every key whose ids stand for another key already."""
    taken: dict[tuple[str, str], tuple[str, str]] = {
        (key.client_id, key.key_id): (key.public_key, f"source {source.name}")
        for source in others.values()
        if source.oauth
        for key in source.oauth.keys
    }
    for index, key in enumerate(oauth.keys):
        ids = (key.client_id, key.key_id)
        public_key, where = taken.setdefault(ids, (key.public_key, f"oauth.keys[{index}]"))
        if public_key != key.public_key:
            told = (
                f"{where} has another key under this client_id and key_id; give the new key an id of its own"
            )
            yield f"oauth.keys[{index}].key_id", told
