"""The form of a source and of a destination in the file: one model each, for checks and JSON Schema.

A destination's `settings` are checked by the settings model of its type.
"""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from gainstage.configuration.oauth import OAuthForm
from gainstage.connection import SourceKind
from gainstage.event import KINDS
from gainstage.setting import Form

NAME_PATTERN = r"^[a-z0-9_-]+$"
NAME_CHARACTERS = 64
WRITE_KEY_CHARACTERS = 255
OLD_KEYS_AT_MOST = 10

Kind = Literal["identify", "track", "page", "screen", "group", "alias"]
assert Kind.__args__ == KINDS  # type: ignore[attr-defined]


def name_of_ours(name: str) -> str:
    """A name that can stand in an address, a metric label and a folder."""
    if not name or not all(character in "abcdefghijklmnopqrstuvwxyz0123456789_-" for character in name):
        raise ValueError("must be made of lower-case letters, digits, '_' and '-'")
    return name


def origin(text: str) -> str:
    """`scheme://host[:port]`, as browsers send it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        port, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or "*" in text:
        raise ValueError('must be an origin such as "https://app.acme.com"')
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError('must be an origin without a path, such as "https://app.acme.com"')
    default = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, default) else "")


def usable_key(key: SecretStr) -> SecretStr:
    """A write key travels as the user name of HTTP Basic: printable ASCII without a colon."""
    text = key.get_secret_value()
    if not text.strip():
        raise ValueError("must not be empty")
    printable = all("!" <= character <= "~" for character in text)
    if len(text) > WRITE_KEY_CHARACTERS or not printable or ":" in text:
        raise ValueError("must be at most 255 printable ASCII characters without a space or ':'")
    return key


Name = Annotated[
    str,
    AfterValidator(name_of_ours),
    Field(json_schema_extra={"pattern": NAME_PATTERN}, max_length=NAME_CHARACTERS),
]


class SourceForm(Form):
    """Where events come from: one write key."""

    name: Name = Field(description="Unique among the sources: lower-case letters, digits, '_' and '-'.")
    kind: SourceKind = Field(description="What sends: web (browsers), mobile (apps) or server.")
    write_key: Annotated[SecretStr, AfterValidator(usable_key)] = Field(
        description="What the SDK is given as its write key; unique."
    )
    old_write_keys: list[Annotated[SecretStr, AfterValidator(usable_key)]] = Field(
        default_factory=list,
        max_length=OLD_KEYS_AT_MOST,
        description="Former write keys that are still taken, until every SDK has the new one.",
    )
    origins: list[Annotated[str, AfterValidator(origin)]] = Field(
        default_factory=list,
        description="web only: origins that browsers may send from. Default: any.",
    )
    rate_limit: int | None = Field(
        default=None,
        ge=1,
        description="Events a second; more are told to come later. Default: none.",
    )
    enabled: bool = Field(
        default=True, description="Off: what its SDKs send is answered with yes and not kept."
    )
    oauth: OAuthForm | None = Field(
        default=None,
        description="server only: who must, or may, send a token beside the write key. Default: nobody.",
    )


class DestinationForm(Form):
    """Where events go."""

    name: Name = Field(description="Unique among the destinations: lower-case letters, digits, '_' and '-'.")
    type: str = Field(description="gainsight, gainsight_cs or gainsight_px.")
    sources: list[str] | None = Field(default=None, description="The sources that feed it. Default: all.")
    enabled: bool = Field(default=True, description="Off: events that arrive meanwhile never meet it.")
    paused: bool = Field(default=False, description="On: events that arrive meanwhile wait for it.")
    types: list[Kind] | None = Field(
        default=None, description="Kinds of calls that pass. Default: all that the type supports."
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="Depend on the type.")
