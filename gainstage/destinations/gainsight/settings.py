"""Settings of the clickstream destination."""

from pydantic import Field

from gainstage.destination import Budget, Finding
from gainstage.setting import ApiUrl, Secret, Settings, fingerprint, offers

API_URL = "https://event.gainsight.com"
ACCESS_KEY_CHARACTERS = 36

#: No limit of this endpoint is documented. This one keeps a backlog from flooding it, and gives a 429
#: something to pause.
CALLS_PER_SECOND = 200


class ClickstreamSettings(Settings):
    """What an admin sets."""

    access_key: Secret = Field(
        title="Access key",
        description="The key that Gainsight made for Segment, 36 characters. Gainsight shows it on the "
        "integrations page of its admin area, under Segment.",
        examples=["${GAINSIGHT_CLICKSTREAM_KEY}"],
    )
    track_events: tuple[str, ...] = Field(
        default=(),
        title="Track events",
        description="Names of the track calls to send, exactly as they are written in the events. Empty "
        "sends every track call. Identify and group calls are sent regardless.",
        examples=[["Signed Up", "Ticket Closure"]],
        json_schema_extra=offers(names="track"),
    )
    remember_account: bool = Field(
        default=True,
        title="Remember the account",
        description="Give track calls without `accountId` the account that the user was last seen with "
        "(from an identify's `accountId` or a group's `groupId`). Off sends messages as they "
        "came.",
    )
    api_url: ApiUrl | None = Field(
        default=None,
        title="API address",
        description=f"Replaces {API_URL}, for the sandbox, a proxy or a test: scheme, host and port. Plain "
        "http only to this machine.",
        examples=["http://127.0.0.1:8090"],
    )

    @property
    def address(self) -> str:
        """Where calls go."""
        return self.api_url or API_URL


def tenant(settings: ClickstreamSettings) -> str:
    """Whose records these are: the access key names the Gainsight organisation."""
    place = f" at {settings.api_url}" if settings.api_url else ""
    return f"clickstream key {fingerprint(settings.access_key)}{place}"


def budgets(settings: ClickstreamSettings) -> tuple[Budget, ...]:
    """Our own politeness: the vendor documents no limit."""
    return (Budget(tenant(settings), "clickstream", "second", 1, CALLS_PER_SECOND),)


def warnings(settings: ClickstreamSettings) -> tuple[Finding, ...]:
    """A key of another length than Gainsight's own."""
    length = len(settings.access_key.get_secret_value())
    if length == ACCESS_KEY_CHARACTERS:
        return ()
    sentence = f"The access key has {length} characters; Gainsight's keys have {ACCESS_KEY_CHARACTERS}."
    return (Finding("warning", "access_key", f"{sentence} Copy it again if events are refused."),)
