"""What is sent as proof: random texts, of which only digests are kept.

They are too long to be guessed, so a plain digest is as good as a slow one: who steals digests has no proof.
"""

import hmac
import secrets
from hashlib import sha256

RANDOM_BYTES = 32
#: How tokens of the management API begin, so that they are known where they leak.
TOKEN_PREFIX = "gainstage_"


def new_proof(prefix: str = "") -> str:
    """A text of 256 random bits."""
    return prefix + secrets.token_urlsafe(RANDOM_BYTES)


def digest_of(proof: str | bytes) -> bytes:
    """What is kept of it."""
    return sha256(proof.encode() if isinstance(proof, str) else proof).digest()


def csrf_of(session: str) -> str:
    """What a session's state-changing requests send in a header: pages of others cannot know it, since it is
    made of what only the browser and the cookie have. It tells nothing of the session.
    """
    return hmac.digest(session.encode(), b"gainstage csrf", "sha256").hex()
