"""What browsers and apps fetch before they start: Segment's settings, RudderStack's source config."""

from collections.abc import Callable
from typing import Any

import msgspec

from gainstage.clock import Clock
from gainstage.connection import Source
from gainstage.ingest.address import Address, address_asked
from gainstage.ingest.answers import Answer
from gainstage.ingest.asgi import Receive, Scope, Send
from gainstage.ingest.cors import readable_by
from gainstage.ingest.credentials import Credentials, basic_user, query_key
from gainstage.ingest.intake import check_origin
from gainstage.ingest.routing import varying
from gainstage.normalise import iso_of

#: Says how its asker has reached us, and changes with the configuration: nothing for caches.
_HEADERS = ((b"cache-control", b"private, no-cache"),)


class BrowserSettings:
    """Answers those who ask for the documents.

    A key that is unknown is 401 here too. RudderStack's new SDKs for apps read a 400 as that and delete what
    they hold; after a 401 they only ask again.
    """

    def __init__(
        self,
        credentials: Credentials,
        public_address: Address | None,
        clock: Clock,
        refusal: Callable[[Exception, Source | None], Answer],
    ) -> None:
        self._credentials = credentials
        self._public_address = public_address
        self._refusal = refusal
        self._started = iso_of(clock.now_us())

    async def answer_segment(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/v1/projects/{writeKey}/settings`."""
        address = self._public_address or address_asked(scope)
        await self._answer(
            scope, send, varying(scope, "writeKey"), lambda source: segment_settings(source, address)
        )

    async def answer_rudder(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/sourceConfig`."""
        key = basic_user(dict(scope["headers"])) or query_key(scope)
        await self._answer(scope, send, key, lambda source: rudder_source_config(source, self._started))

    async def _answer(
        self, scope: Scope, send: Send, write_key: str, document: Callable[[Source], Answer]
    ) -> None:
        source: Source | None = None
        origin = dict(scope["headers"]).get(b"origin")
        try:
            source = self._credentials.public_source(write_key)
            if origin is not None:
                check_origin(source, origin)
            answer = document(source)
        except Exception as error:
            answer = self._refusal(error, source)
        await answer(send, readable_by(origin))


def segment_settings(source: Source, address: Address) -> Answer:
    """What analytics.js and Segment's mobile SDKs fetch before they send anything.

    `Segment.io` is the only integration: with none the browser would send to Segment, and for each other one
    it would load code from Segment. Metrics stay off; they are sent by https whatever `protocol` says.
    """
    return _document(
        {
            "integrations": {
                "Segment.io": {
                    "apiKey": source.write_key,
                    "apiHost": f"{address.host}{address.prefix}/v1",
                    "protocol": address.scheme,
                }
            },
            "metrics": {"sampleRate": 0},
            "remotePlugins": [],
            "enabledMiddleware": {},
            "legacyVideoPluginsEnabled": False,
            "analyticsNextEnabled": True,
        }
    )


def rudder_source_config(source: Source, updated_at: str) -> Answer:
    """What RudderStack's SDKs for browsers and apps fetch; every field is mandatory for one of them.

    A destination listed here would be one that the device serves itself; a data plane would replace the one
    that the app names.
    """
    return _document(
        {
            "source": {
                "id": source.name,
                "name": source.name,
                "writeKey": source.write_key,
                "enabled": source.enabled,
                "workspaceId": "gainstage",
                "updatedAt": updated_at,
                "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
                "destinations": [],
                "dataplanes": {},
            }
        }
    )


def _document(content: dict[str, Any]) -> Answer:
    return Answer(200, msgspec.json.encode(content), _HEADERS)
