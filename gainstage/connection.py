"""Sources, destinations as configured, and the connection between them: what may pass, and why not.

Built from the configuration; secrets in here are plain text and must never be printed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from pydantic import BaseModel

from gainstage.audiences.definition import Computation
from gainstage.computed import COMPUTED_SOURCE
from gainstage.destination import Destination
from gainstage.event import Event
from gainstage.operating import CANARY_SOURCE, Alerts, Canary, Limits, Traces
from gainstage.outcome import Blocked, Filtered

SourceKind = Literal["web", "mobile", "server"]


@dataclass(frozen=True)
class ClientKey:
    """The public half of a key with which an application asks for OAuth tokens."""

    client_id: str
    key_id: str
    #: RSA, as PEM, in the one form that the same key always has.
    public_key: str


@dataclass(frozen=True)
class OAuth:
    """Who may send to a source with a token."""

    keys: tuple[ClientKey, ...]
    #: Off: the write key alone is enough, too.
    required: bool = True
    #: The addresses of the token endpoint that assertions are made out to; empty for the one asked at.
    audiences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where events come from: one write key."""

    name: str
    kind: SourceKind
    write_key: str = field(repr=False)
    #: Those that it had before and that are still taken.
    old_write_keys: tuple[str, ...] = field(default=(), repr=False, kw_only=True)
    #: Allowed origins of a web source; empty allows any.
    origins: tuple[str, ...] = ()
    #: Events a second; None for no limit.
    rate_limit: int | None = None
    #: Off: what arrives is answered with yes and not kept.
    enabled: bool = True
    #: None: the write key alone is enough, and whatever token comes along is not looked at.
    oauth: OAuth | None = None


@dataclass(frozen=True)
class Connected:
    """A destination as configured, with the sources that feed it."""

    name: str
    type: Destination
    #: An instance of `type.settings`; None when the settings cannot be used: see `problem`.
    settings: BaseModel | None
    sources: frozenset[str]
    kinds: frozenset[str]
    enabled: bool = True
    paused: bool = False
    problem: Blocked | None = None

    @property
    def tenant(self) -> str:
        """Whose records its operations are about."""
        return self.type.tenant(self.settings)

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of an `integrations` object that mean it."""
        return (*self.type.integration_names, self.name)

    def refuses(self, event: Event) -> Filtered | None:
        """The rule by which this event does not pass, if there is one."""
        if event.kind not in self.type.kinds:
            return Filtered("type_unsupported", f"{self.type.title} takes no {event.kind} calls.")
        if event.kind not in self.kinds:
            return Filtered("type_not_selected", f"`types` of {self.name} leaves out {event.kind}.")
        if not wanted(event.integrations, self.names):
            if event.source == COMPUTED_SOURCE:
                return Filtered("computation_elsewhere", f"What it says is not sent to {self.name}.")
            return Filtered("integrations", f"The message's integrations object turns {self.names[0]} off.")
        if self.bundled(event):
            return Filtered("bundled", f"`_metadata.bundled` of the message names {self.names[0]}.")
        return None

    def bundled(self, event: Event) -> bool:
        """Whether the device says that it served this destination itself."""
        metadata = event.message.get("_metadata")
        bundled = metadata.get("bundled") if isinstance(metadata, dict) else None
        return isinstance(bundled, list) and any(name in bundled for name in self.type.integration_names)


def wanted(integrations: object, names: tuple[str, ...]) -> bool:
    """Whether an `integrations` object lets an event through to a destination known by `names`.

    A named key wins over `All`; true or an object lets through; everything passes by default
    (Segment's spec, common fields). A value of `All` that is no truth value blocks, as RudderStack's does.
    """
    if not isinstance(integrations, dict):
        return True
    for name in names:
        if name in integrations:
            value = integrations[name]
            return value is True or isinstance(value, dict)
    for key, value in integrations.items():
        if isinstance(key, str) and key.lower() == "all":
            return value is True
    return True


def meant_by(key: str, destinations: Iterable[Connected], all_names: frozenset[str]) -> str | None:
    """The name that a key of an `integrations` object nearly is: `Gainsight` for `gainsight`.

    Letter case, blanks and signs count in such keys: a near miss decides nothing. None for a key that is the
    name of any destination (`all_names`), and for one that resembles none of `destinations`.
    """
    if key in all_names or key.lower() == "all":
        return None
    plain = _plain(key)
    names = ("All", *(name for one in destinations for name in one.names))
    return next((name for name in names if plain and _plain(name) == plain), None)


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


@dataclass(frozen=True)
class Retention:
    """How long log, finished events, archive and what was done are kept; None for no limit."""

    log_days: float | None = 30.0
    log_bytes: int | None = 50 * 10**9
    ledger_days: float | None = 90.0
    #: Of the newest events so many are kept.
    ledger_events: int | None = 20_000_000
    #: Whether events are archived. While they are, the log keeps what is not.
    history: bool = True
    history_days: float | None = 3 * 365.0
    history_bytes: int | None = None
    #: Who did what.
    audit_days: float | None = 365.0

    @classmethod
    def of_everything(cls) -> "Retention":
        """Nothing goes."""
        return cls(None, None, None, None, history_days=None, audit_days=None)


@dataclass(frozen=True)
class Configuration:
    """Everything that is configured, at one revision."""

    revision: int
    sources: Mapping[str, Source]
    destinations: Mapping[str, Connected]
    #: Sources that are configured and cannot be used now: nobody knows their write keys.
    unusable_sources: frozenset[str] = frozenset()
    retention: Retention = Retention()
    limits: Limits = field(default_factory=Limits)
    alerts: Alerts = field(default_factory=Alerts)
    #: None: none is sent.
    canary: Canary | None = None
    #: None: nothing is traced.
    traces: Traces | None = None
    #: Audiences and computed traits.
    computations: tuple[Computation, ...] = ()

    def fed_by(self, source: str) -> tuple[Connected, ...]:
        """The destinations that an event of this source meets: connected and enabled ones."""
        return tuple(d for d in self.destinations.values() if d.enabled and self.feeds(source, d))

    def feeds(self, source: str, destination: Connected) -> bool:
        """Whether events of this source meet the destination. The canary's do where it is sent, those of
        computations where any of them is.
        """
        if source == CANARY_SOURCE:
            return self.canary is not None and destination.name in self.canary.destinations
        if source == COMPUTED_SOURCE:
            return destination.name in self.computed_for
        return source in destination.sources

    @cached_property
    def computed_for(self) -> frozenset[str]:
        """The destinations that audiences and computed traits are sent to."""
        return frozenset(name for one in self.computations if one.enabled for name in one.destinations)

    @cached_property
    def names(self) -> frozenset[str]:
        """The keys of `integrations` objects that mean some destination."""
        return frozenset(name for one in self.destinations.values() for name in one.names)

    def near_misses(self, source: str, integrations: object) -> dict[str, str]:
        """Keys of an `integrations` object that are nearly the name of a destination of the source, and the
        name.
        """
        if not isinstance(integrations, dict) or not integrations:
            return {}
        fed = self.fed_by(source)
        meant = {key: meant_by(key, fed, self.names) for key in integrations if isinstance(key, str)}
        return {key: name for key, name in meant.items() if name is not None}
