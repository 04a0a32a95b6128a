"""Sources, destinations as configured, and the connection between them: what may pass, and why not.

Built from the configuration; secrets in here are plain text and must never be printed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from gainstage.destination import Destination
from gainstage.event import Event
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

    def refuses(self, event: Event) -> Filtered | None:
        """The rule by which this event does not pass, if there is one."""
        if event.kind not in self.type.kinds:
            return Filtered("type_unsupported", f"{self.type.title} takes no {event.kind} calls.")
        if event.kind not in self.kinds:
            return Filtered("type_not_selected", f"`types` of {self.name} leaves out {event.kind}.")
        names = (*self.type.integration_names, self.name)
        if not wanted(event.integrations, names):
            return Filtered("integrations", f"The message's integrations object turns {names[0]} off.")
        if self.bundled(event):
            return Filtered("bundled", f"`_metadata.bundled` of the message names {names[0]}.")
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


@dataclass(frozen=True)
class Configuration:
    """Everything that is configured, at one revision."""

    revision: int
    sources: Mapping[str, Source]
    destinations: Mapping[str, Connected]
    #: Sources that are configured and cannot be used now: nobody knows their write keys.
    unusable_sources: frozenset[str] = frozenset()

    def fed_by(self, source: str) -> tuple[Connected, ...]:
        """The destinations that an event of this source meets: connected and enabled ones."""
        return tuple(d for d in self.destinations.values() if d.enabled and source in d.sources)
