"""What the token endpoint says, in the form of OAuth (RFC 6749): `error` and `error_description` in refusals.

Segment's SDK for Python waits for ever if either is missing. What Segment's SDKs do by status and text:

- 400 and 401: final, except the two sentences about the clock, after which the one for Python asks again at
  once, with its clock set by the Date header that every answer here has.
- 429: they stay away as long as they are told. So that is the answer to a fault of ours, too: after anything
  else the one for Python comes again every 25 ms.
"""

import msgspec

from gainstage.ingest.answers import Answer

#: How long to stay away when the fault is ours, in seconds.
LATER_SECONDS = 5

NO_STORE = ((b"cache-control", b"no-store"),)


class Denied(Exception):
    """The request for a token ends here with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


def denial(status: int, error: str, description: str) -> Answer:
    """A refusal in the form of OAuth."""
    body = msgspec.json.encode({"error": error, "error_description": description})
    return Answer(status, body, NO_STORE, error)


def later(error: str, description: str, wait_seconds: int) -> Answer:
    """Come again after a while."""
    wait = str(wait_seconds).encode()
    answer = denial(429, error, description)
    return msgspec.structs.replace(
        answer, headers=(*NO_STORE, (b"retry-after", wait), (b"x-ratelimit-reset", wait))
    )


def granted(token: str, seconds: int, scope: str) -> Answer:
    """A token."""
    body = {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": scope}
    return Answer(200, msgspec.json.encode(body), NO_STORE)


def in_the_form_of_oauth(refused: Answer) -> Answer:
    """What is said about any body, said as OAuth says it."""
    if refused.status >= 500:
        return NOT_NOW
    told = msgspec.json.decode(refused.body)
    answer = denial(refused.status, "invalid_request", str(told["message"]))
    return msgspec.structs.replace(answer, headers=(*NO_STORE, *refused.headers))


def invalid_request(description: str) -> Answer:
    """The form is not filled in right."""
    return denial(400, "invalid_request", description)


def invalid_client(description: str) -> Answer:
    """The assertion does not prove who asks."""
    return denial(401, "invalid_client", description)


#: One sentence for all of these: who guesses hears nothing of near misses.
UNKNOWN_CLIENT = invalid_client(
    "no source has a key with this client id and key id, or the assertion is not signed by it with RS256"
)
#: These two word for word: by them the SDK for Python knows that its clock is wrong.
EXPIRED = invalid_request("Token is expired")
NOT_YET = invalid_request("Token used before issued")
REPLAYED = invalid_client("the assertion has been used before: each request needs one with a jti of its own")
WRONG_SCOPE = denial(400, "invalid_scope", "the only scope is tracking_api:write")
WRONG_GRANT = denial(400, "unsupported_grant_type", "grant_type must be client_credentials")
NOT_NOW = later("temporarily_unavailable", "tokens cannot be given now", LATER_SECONDS)
CLIENTS_UNCERTAIN = later(
    "temporarily_unavailable", "the source of this client may be one that cannot be read now", LATER_SECONDS
)
