"""The token endpoint: a client that proves who it is by a signed assertion gets an access token (RFC 7523).

Nothing of an assertion or a token is logged or repeated in an answer.
"""

from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import parse_qs

from gainstage.clock import SECOND_US, Clock
from gainstage.ingest.address import Address, address_asked
from gainstage.ingest.answers import Answer, Refused
from gainstage.ingest.asgi import Receive, Scope, Send
from gainstage.ingest.assertion import Seen, assertion_id, check_claims, proved_client
from gainstage.ingest.body import BodyReader, Disconnected
from gainstage.ingest.clients import Clients
from gainstage.ingest.counts import Counts
from gainstage.ingest.oauth_answers import (
    NOT_NOW,
    WRONG_GRANT,
    WRONG_SCOPE,
    Denied,
    denial,
    granted,
    in_the_form_of_oauth,
    invalid_client,
    invalid_request,
)
from gainstage.ingest.token_secret import SecretUnavailable
from gainstage.ingest.tokens import SCOPE, TOKEN_SECONDS, AccessTokens

#: A request of an SDK has about one thousand.
BODY_BYTES = 16 * 1024
FIELDS_AT_MOST = 100
GRANT = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PARAMETERS = ("grant_type", "client_assertion_type", "client_assertion", "client_id", "scope")

TOO_LARGE = denial(413, "invalid_request", f"the body is larger than {BODY_BYTES} bytes")


class TokenEndpoint:
    """Answers `POST /token`."""

    def __init__(
        self,
        clients: Clients,
        tokens: AccessTokens,
        complete: Callable[[], bool],
        public_address: Address | None,
        clock: Clock,
        counts: Counts,
        report: Callable[..., None],
    ) -> None:
        self._clients = clients
        self._tokens = tokens
        self._complete = complete
        self._public_address = public_address
        self._clock = clock
        self._counts = counts
        self._report = report
        self._bodies = BodyReader()
        self._seen = Seen()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give a token, or say why not."""
        try:
            answer = self._grant(_form(await self._body(scope, receive)), scope)
        except Disconnected:
            return
        except Denied as denied:
            answer = denied.answer
        except Refused as refused:
            answer = in_the_form_of_oauth(refused.answer)
        except SecretUnavailable as error:
            self._report("token_secret_unavailable", problem=str(error))
            answer = NOT_NOW
        except Exception as error:
            self._report("token_request_failed", error, reason=type(error).__name__)
            answer = NOT_NOW
        if answer.code:
            self._counts.refused[answer.code, ""] += 1
        # SDKs set their clock by it before they try again.
        date = formatdate(self._clock.now_us() / SECOND_US, usegmt=True).encode()
        await answer(send, ((b"date", date),))

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:15]) > BODY_BYTES:
            raise Denied(TOO_LARGE)
        body = await self._bodies.read(headers, receive)
        if len(body) > BODY_BYTES:
            raise Denied(TOO_LARGE)
        return body

    def _grant(self, form: dict[str, str], scope: Scope) -> Answer:
        if form.get("grant_type") != GRANT:
            raise Denied(WRONG_GRANT)
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise Denied(invalid_request(f"client_assertion_type must be {ASSERTION_TYPE}"))
        if form.get("scope", SCOPE).split() != [SCOPE]:
            raise Denied(WRONG_SCOPE)
        if "client_assertion" not in form:
            raise Denied(invalid_request("client_assertion is missing"))
        client, claims = proved_client(self._clients, form["client_assertion"], self._complete())
        now_us = self._clock.now_us()
        self._seen.add(client.fingerprint, assertion_id(claims), now_us)
        if form.get("client_id", client.id) != client.id:
            raise Denied(invalid_client("client_id must be the assertion's iss"))
        address = self._public_address or address_asked(scope)
        check_claims(client, claims, f"{address.scheme}://{address.host}{address.prefix}", now_us)
        return granted(self._tokens.issue(client), TOKEN_SECONDS, SCOPE)


def _form(body: bytes) -> dict[str, str]:
    """The parameters of a request, whatever its Content-Type; unknown ones are not looked at.

    Raises:
        Denied: it is no form, or says one thing twice.
    """
    try:
        parsed = parse_qs(body.decode("ascii"), max_num_fields=FIELDS_AT_MOST)
    except ValueError:
        raise Denied(invalid_request("the body must be a form: application/x-www-form-urlencoded")) from None
    for name in PARAMETERS:
        if len(parsed.get(name, ())) > 1:
            raise Denied(invalid_request(f"{name} is there twice"))
    return {name: values[0] for name, values in parsed.items()}
