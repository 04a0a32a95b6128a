"""What the settings models of destinations share: secrets, durations, addresses, header values. Pure.

Every model is the one source of validation, form, JSON Schema, `check` and documents; messages raised here
are shown to the admin as they stand.
"""

import hashlib
import re
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
)

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST_SECONDS = 366 * 86_400
UNIT_BYTES = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4}
HEADER_CHARACTERS = 1024

DURATION = re.compile(r"([0-9]{1,9})\s*(s|m|h|d|w)?")
SIZE = re.compile(r"([0-9]{1,15})\s*(b|kb|mb|gb|tb)?")
HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


class Form(BaseModel):
    """What all that an admin writes agrees on: unknown keys are errors, and no error repeats a value.

    The checks of a form are built when it is first used: a command uses few of them, and building them all
    would take a tenth of its time.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)


class Settings(Form):
    """What all settings models agree on: values are final, numbers may stand for texts."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


def printable(value: str) -> bool:
    """Whether a value may travel as an HTTP header: printable ASCII, nothing to strip, not too long."""
    return (
        0 < len(value) <= HEADER_CHARACTERS
        and value.isascii()
        and value.isprintable()
        and value == value.strip()
    )


def offers(*, names: str = "", field_of: str = "", own: bool = False) -> dict[str, Any]:
    """What a form may offer for a setting, as its `json_schema_extra`: for the names in it what was seen
    (`identify` and `group`: traits of these calls; `track`: names of events), for its values the fields of
    one of the tenant's objects; `own`: those that the tenant made, and none of the vendor's.
    """
    told = (("x-names", names), ("x-object", field_of), ("x-own", own))
    return {key: value for key, value in told if value}


def read_secret(given: Any) -> Any:
    """Take off the white space that copying a key brings along."""
    if isinstance(given, SecretStr):
        given = given.get_secret_value()
    return given.strip() if isinstance(given, str) else given


def refuse_unprintable(secret: SecretStr) -> SecretStr:
    """Keys travel as HTTP headers."""
    if not printable(secret.get_secret_value()):
        raise ValueError(
            "it must be printable ASCII, not empty and at most 1024 characters, to travel as a header"
        )
    return secret


def read_duration(given: Any) -> Any:
    """`7d`, `12h`, `30m`, `45s` or a number of seconds, as seconds."""
    if isinstance(given, str):
        match = DURATION.fullmatch(given.strip().lower())
        if match is None:
            raise ValueError("write a duration as 7d, 12h, 30m, 45s or a number of seconds")
        return int(match[1]) * UNIT_SECONDS[match[2] or "s"]
    return given


def read_size(given: Any) -> Any:
    """`2GB`, `500MB` or a number of bytes, as bytes; a kilobyte has 1,024."""
    if isinstance(given, str):
        match = SIZE.fullmatch(given.strip().lower())
        if match is None:
            raise ValueError("write a size as 2GB, 500MB or a number of bytes")
        return int(match[1]) * UNIT_BYTES[match[2] or "b"]
    return given


def written_duration(seconds: int) -> str:
    """A duration the way people write it in the configuration."""
    for unit in "wdhm":
        if seconds and seconds % UNIT_SECONDS[unit] == 0 and unit != "w":
            return f"{seconds // UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"


def read_address(given: str) -> str:
    """A base address of scheme, host and port; plain http to this machine only."""
    parts = parse(given)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("write the address as https://host or https://host:port")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("only scheme, host and port belong here: https://host:port")
    if not (HOST.fullmatch(host) or is_address(host)):
        raise ValueError(f"'{host}' is no host name")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("plain http is allowed to this machine only (localhost, 127.0.0.1); use https")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{parts.port}" if parts.port is not None else "")


def parse(given: str) -> SplitResult:
    """Split an address; anything that cannot be split is one sentence."""
    try:
        parts = urlsplit(given)
        _ = parts.port
    except ValueError:
        raise ValueError("this is no address: write it as https://host or https://host:port") from None
    return parts


def is_address(host: str) -> bool:
    """Whether a host is written as an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)


def fingerprint(secret: SecretStr) -> str:
    """Tells two keys apart without telling either."""
    return hashlib.sha256(b"gainstage:" + secret.get_secret_value().encode()).hexdigest()[:10]


Text = Annotated[str, StringConstraints(strip_whitespace=True)]

Secret = Annotated[SecretStr, BeforeValidator(read_secret), AfterValidator(refuse_unprintable)]

Duration = Annotated[
    int,
    BeforeValidator(read_duration),
    Field(ge=0, le=LONGEST_SECONDS),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["7d", "12h", "30m", 900]}),
]

Size = Annotated[
    int,
    BeforeValidator(read_size),
    Field(ge=0),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["2GB", "500MB"]}),
]

ApiUrl = Annotated[str, AfterValidator(read_address)]
