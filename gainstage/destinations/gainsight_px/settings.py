"""Settings of the Gainsight PX destination."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from gainstage.destination import Budget, Finding
from gainstage.setting import ApiUrl, Duration, Secret, Settings, fingerprint

#: Base addresses by data center [documented: PX API specification 0.1.6].
REGIONS = {
    "US": "https://api.aptrinsic.com",
    "EU": "https://api-eu.aptrinsic.com",
    "US2": "https://api-us2.aptrinsic.com",
}
#: `AP-XXXXXXXXXX-2` in the specification; events come back with one more suffix.
USUAL_TAG_KEY = re.compile(r"AP-[A-Z0-9]+-[0-9]+(-[0-9]+)?")


def read_tag_keys(given: Any) -> Any:
    """One key or a list of them."""
    keys = (given,) if isinstance(given, str) else given
    if isinstance(keys, list | tuple):
        return tuple(key.strip() if isinstance(key, str) else key for key in keys)
    return keys


def refuse_no_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    """At least one tag key is required [documented], and none is empty."""
    if not keys or not all(keys):
        raise ValueError("give the product's tag key (AP-...), or a list of them")
    return keys


def refuse_empty_names(table: dict[str, str]) -> dict[str, str]:
    """A custom attribute needs a name on both sides."""
    if not all(trait and name for trait, name in table.items()):
        raise ValueError("write it as `payload key: attribute API name`, neither of them empty")
    return table


def read_region(given: Any) -> Any:
    """Regions in any letter case."""
    return given.strip().upper() if isinstance(given, str) else given


TagKeys = Annotated[tuple[str, ...], BeforeValidator(read_tag_keys), AfterValidator(refuse_no_keys)]
Attributes = Annotated[dict[str, str], AfterValidator(refuse_empty_names)]


class PxBudget(Settings):
    """How many calls we may make."""

    per_second: int = Field(
        default=200, ge=1, title="Calls a second", description="Gainsight's own limit is 200."
    )
    per_day: int = Field(
        default=1_000_000, ge=1, title="Calls a day", description="Gainsight's own limit is 1,000,000."
    )
    reserve_percent: int = Field(
        default=20,
        ge=0,
        le=99,
        title="Reserve",
        description="Percent of both left for other users of the key.",
    )


class PxSettings(Settings):
    """What an admin sets."""

    api_key: Secret = Field(
        title="API key",
        description="A key with the permissions Read and Write. Gainsight PX shows it under "
        "Administration, Integrations, Rest API.",
        examples=["${PX_API_KEY}"],
    )
    product_tag_key: TagKeys = Field(
        title="Product tag key",
        description="The tag key of the product (AP-...), or a list of them; events carry the first one. "
        "Gainsight PX shows it under Administration, Products.",
        examples=["${PX_TAG_KEY}"],
    )
    data_center: Annotated[Literal["US", "EU", "US2"], BeforeValidator(read_region)] = Field(
        default="US", title="Data center", description="Where the PX subscription lives: US, EU or US2."
    )
    user_attributes: Attributes = Field(
        default_factory=dict,
        title="User attributes",
        description="Trait: API name of a custom user attribute. Gainsight PX lists them under "
        "Administration, Attributes.",
        examples=[{"plan": "plan_tier"}],
    )
    account_attributes: Attributes = Field(
        default_factory=dict,
        title="Account attributes",
        description="Trait: API name of a custom account attribute. Gainsight PX lists them under "
        "Administration, Attributes.",
        examples=[{"plan": "plan_tier"}],
    )
    global_context: dict[str, Any] = Field(
        default_factory=dict,
        title="Global context",
        description="Sent with every custom event, unless the event's property `globalContext` replaces it.",
        examples=[{"environment": "production"}],
    )
    page_events: bool = Field(
        default=False,
        title="Page events",
        description="Send page calls as custom events named `Viewed Page`.",
    )
    screen_events: bool = Field(
        default=False,
        title="Screen events",
        description="Send screen calls as custom events named `Viewed Screen`.",
    )
    resend_unchanged_after: Duration = Field(
        default=604_800,
        title="Send unchanged values again after",
        description="A value that Gainsight PX confirmed is not sent again until this time is over (7d, "
        "12h, 30m or seconds).",
    )
    budget: PxBudget = Field(
        default_factory=PxBudget, title="Budget", description="Calls that may be made with this API key."
    )
    api_url: ApiUrl | None = Field(
        default=None,
        title="API address",
        description="Replaces the data center's address, for the sandbox, a proxy or a test: scheme, host "
        "and port. Plain http only to this machine.",
        examples=["http://127.0.0.1:8090"],
    )

    @property
    def address(self) -> str:
        """Where calls go."""
        return self.api_url or REGIONS[self.data_center]


def tenant(settings: PxSettings) -> str:
    """Whose records these are: region and key."""
    place = f" at {settings.api_url}" if settings.api_url else ""
    return f"PX {settings.data_center} key {fingerprint(settings.api_key)}{place}"


def budgets(settings: PxSettings) -> tuple[Budget, ...]:
    """About 200 requests a second and 1,000,000 a day [documented: PX API specification]."""
    account, limits = tenant(settings), settings.budget
    return (
        Budget(account, "px", "second", 1, limits.per_second, limits.reserve_percent),
        Budget(account, "px", "day", 86_400, limits.per_day, limits.reserve_percent),
    )


def warnings(settings: PxSettings) -> tuple[Finding, ...]:
    """Tag keys of an unusual form: nobody documents the form, so never an error."""
    odd = [key for key in settings.product_tag_key if not USUAL_TAG_KEY.fullmatch(key)]
    if not odd:
        return ()
    sentence = (
        f"The tag key {odd[0]!r} does not look like AP-XXXXXXXXXX-2; copy it again if events do not show up."
    )
    return (Finding("warning", "product_tag_key", sentence),)
