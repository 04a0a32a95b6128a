"""The forms of what a file says for the server as a whole: `limits`, `alerts`, `canary`, `traces`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from gainstage.configuration.suggest import unknown_word
from gainstage.operating import Alerts, Canary, Limits, Traces
from gainstage.setting import Duration, Form, Secret, Size, is_loopback, parse, read_secret

SECRET_CHARACTERS = 16


def private_address(given: str) -> str:
    """An address to which secrets or figures may be sent: https, or plain http to this machine."""
    parts = parse(given)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or not given.isascii() or not given.isprintable():
        raise ValueError("write the address as https://host/path")
    if parts.username is not None or parts.fragment or " " in given:
        raise ValueError("no login, blank or fragment belongs into this address")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("plain http is allowed to this machine only (localhost, 127.0.0.1); use https")
    return given


def private_secret_address(given: SecretStr) -> SecretStr:
    """The same for an address that is a secret itself."""
    private_address(given.get_secret_value())
    return given


def long_enough(given: SecretStr) -> SecretStr:
    """A key that cannot be guessed."""
    if len(given.get_secret_value()) < SECRET_CHARACTERS:
        raise ValueError("must have at least 16 characters, so that nobody guesses it")
    return given


class PartForm(Form):
    """What the forms agree on."""

    def wrong(self, destinations: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Places and sentences of what does not go with the rest of the configuration."""
        return iter(())

    def made(self, destinations: Iterable[str]) -> Any:
        """The value for the configuration; `destinations` are those in force."""
        raise NotImplementedError


class LimitsForm(PartForm):
    """When senders are asked to wait, before anything breaks."""

    free_disk: Size | None = Field(
        default=None,
        description="Stay away while less of the data folder's disk is free. Default: 1GB, or a twentieth of "
        "the disk where that is less.",
    )
    waiting_events: int = Field(
        default=10_000_000, ge=0, description="Stay away while more events wait at their destinations."
    )
    unrouted_messages: int = Field(
        default=2_000_000, ge=0, description="Stay away while delivery is behind by more messages."
    )
    retry_after: Annotated[Duration, Field(ge=1, le=300)] = Field(
        default=30, description="What senders are told to wait: 1s to 300s."
    )

    def made(self, destinations: Iterable[str]) -> Limits:
        """As a value."""
        return Limits(self.free_disk, self.waiting_events, self.unrouted_messages, self.retry_after)


class AlertsForm(PartForm):
    """Whom to tell when something needs a person."""

    webhook: Annotated[
        SecretStr | None,
        BeforeValidator(read_secret),
        AfterValidator(lambda v: v and private_secret_address(v)),
    ] = Field(
        default=None, description="Where alerts are posted as JSON. Default: they stand in the log only."
    )
    secret: Annotated[Secret | None, AfterValidator(lambda v: v and long_enough(v))] = Field(
        default=None, description="Signs what is posted, so that its reader knows who sent it."
    )
    oldest_pending: Duration = Field(
        default=3600, description="Alert when an event has been pending for longer. 0s: never."
    )
    blocked_after: Duration = Field(
        default=60, description="Alert when a destination has been blocked for so long."
    )
    ends_after: Duration = Field(
        default=60, description="An alert has ended when nothing of it was seen for so long."
    )

    def made(self, destinations: Iterable[str]) -> Alerts:
        """As a value."""
        webhook, secret = (
            value.get_secret_value() if value is not None else None for value in (self.webhook, self.secret)
        )
        return Alerts(
            webhook,
            secret,
            oldest_pending_seconds=self.oldest_pending,
            blocked_after_seconds=self.blocked_after,
            ends_after_seconds=self.ends_after,
        )


class CanaryForm(PartForm):
    """An event of gainstage's own that goes along the real path, again and again."""

    every: Annotated[Duration, Field(ge=1)] = Field(default=900, description="How often one is sent.")
    within: Annotated[Duration, Field(ge=1)] = Field(
        default=300, description="Alert when one has not arrived after so long."
    )
    destinations: list[str] | None = Field(
        default=None, description="The destinations that it goes to. Default: all."
    )

    def wrong(self, destinations: Iterable[str]) -> Iterator[tuple[str, str]]:
        known = tuple(destinations)
        for index, name in enumerate(self.destinations or ()):
            if name not in known:
                yield f"destinations[{index}]", unknown_word("destination", name, known)

    def made(self, destinations: Iterable[str]) -> Canary:
        """As a value."""
        wanted = destinations if self.destinations is None else self.destinations
        return Canary(frozenset(wanted), self.every, self.within)


class TracesForm(PartForm):
    """Where spans go, by OTLP over HTTP."""

    endpoint: Annotated[str, AfterValidator(private_address)] = Field(
        description="The collector, such as http://127.0.0.1:4318; /v1/traces is added to a bare address."
    )
    headers: dict[str, Secret] = Field(
        default_factory=dict, description="More headers, such as the collector's key."
    )
    sample_percent: float = Field(
        default=100.0, gt=0, le=100, description="Of a hundred events, how many are traced."
    )

    def made(self, destinations: Iterable[str]) -> Traces:
        """As a value."""
        parts = urlsplit(self.endpoint)
        endpoint = self.endpoint if parts.path.strip("/") else self.endpoint.rstrip("/") + "/v1/traces"
        headers = {name: value.get_secret_value() for name, value in self.headers.items()}
        return Traces(endpoint, headers, self.sample_percent)


#: Their keys in a file, which are the kinds of their documents too.
FORMS: Mapping[str, type[PartForm]] = {
    "limits": LimitsForm,
    "alerts": AlertsForm,
    "canary": CanaryForm,
    "traces": TracesForm,
}
