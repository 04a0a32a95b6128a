"""Settings of the Gainsight PX destination."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from gainstage.destination import Budget, Finding
from gainstage.setting import ApiUrl, Duration, Secret, Settings, fingerprint, offers

#: Base addresses by data center [documented: PX API specification 0.1.6].
REGIONS = {
    "US": "https://api.aptrinsic.com",
    "EU": "https://api-eu.aptrinsic.com",
    "US2": "https://api-us2.aptrinsic.com",
}
#: Where Segment's messages go, by data center [seen in clients: the vendor's own action for Segment].
PUSH_REGIONS = {
    "US": "https://segment-esp.aptrinsic.com",
    "EU": "https://segment-esp-eu.aptrinsic.com",
    "US2": "https://segment-esp-us2.aptrinsic.com",
}
REST, PUSH = "rest", "segment_push"
#: What `mode: segment_push` has no use for: PX maps the messages itself.
REST_ONLY = (
    "api_key",
    "user_attributes",
    "account_attributes",
    "global_context",
    "view_names",
    "deny_list",
    "resend_unchanged_after",
    "when_value_gone",
)
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


TagKeys = Annotated[
    tuple[str, ...],
    BeforeValidator(read_tag_keys),
    AfterValidator(refuse_no_keys),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    ),
]
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

    # For editors: what `require_api_key` says.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"mode": {"const": "rest"}}},
            "then": {"required": ["api_key"]},
        }
    )

    mode: Literal["rest", "segment_push"] = Field(
        default="rest",
        title="Mode",
        description="`rest`: users, accounts and events by the REST API. `segment_push`: each message as it "
        "is, to the address where Gainsight PX takes Segment's messages, with the tag key alone.",
    )
    api_key: Secret | None = Field(
        default=None,
        validate_default=True,
        title="API key",
        description="Required in mode `rest`: a key with the permissions Read and Write. Gainsight PX shows "
        "it under Administration, Integrations, Rest API.",
        examples=["${PX_API_KEY}"],
    )
    product_tag_key: TagKeys = Field(
        title="Product tag key",
        description="The tag key of the product (AP-...), or a list of them; events carry the first one, "
        "which mode `segment_push` identifies itself with. "
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
        json_schema_extra=offers(names="identify", field_of="User", own=True),
    )
    account_attributes: Attributes = Field(
        default_factory=dict,
        title="Account attributes",
        description="Trait: API name of a custom account attribute. Gainsight PX lists them under "
        "Administration, Attributes.",
        examples=[{"plan": "plan_tier"}],
        json_schema_extra=offers(names="group", field_of="Account", own=True),
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
        description="Send page calls: as custom events, or as they are in mode `segment_push`.",
    )
    screen_events: bool = Field(
        default=False,
        title="Screen events",
        description="Send screen calls: as custom events, or as they are in mode `segment_push`.",
    )
    view_names: Literal["fixed", "own"] = Field(
        default="fixed",
        title="Names of page and screen events",
        description="`fixed`: `Viewed Page` and `Viewed Screen`, since PX keeps 2,000 distinct names. `own`: "
        "the name that the call gives, the fixed one where it gives none.",
    )
    deny_list: Literal["left_to_px", "ask"] = Field(
        default="left_to_px",
        title="Deny list",
        description="`left_to_px`: custom events of all users are sent, PX drops those of users on its deny "
        "list. `ask`: PX is asked before a user's first event, and again with the first one a day later; "
        "events of users on the list are filtered.",
    )
    event_names: int = Field(
        default=2_000,
        ge=1,
        le=100_000,
        title="Event names",
        description="How many distinct names of custom events may be sent. Gainsight PX keeps 2,000; leave "
        "room for other senders, or raise it where names were removed there.",
    )
    resend_unchanged_after: Duration = Field(
        default=604_800,
        title="Send unchanged values again after",
        description="A value that Gainsight PX confirmed is not sent again until this time is over (7d, "
        "12h, 30m or seconds).",
    )
    when_value_gone: Literal["clear", "keep"] = Field(
        default="clear",
        title="When a computed trait has no value any more",
        description="clear writes null into its field; keep leaves the last value there.",
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

    @field_validator("api_key")
    @classmethod
    def require_api_key(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Only `segment_push` does without one."""
        if key is None and info.data.get("mode") == REST:
            raise PydanticCustomError("missing", "it is required in mode `rest`")
        return key

    @property
    def pushes(self) -> bool:
        """Whether messages go as they are."""
        return self.mode == PUSH

    @property
    def key(self) -> str:
        """The API key; empty where there is none."""
        return self.api_key.get_secret_value() if self.api_key is not None else ""

    @property
    def address(self) -> str:
        """Where calls of the REST API go."""
        return self.api_url or REGIONS[self.data_center]

    @property
    def push_address(self) -> str:
        """Where whole messages go."""
        return self.api_url or PUSH_REGIONS[self.data_center]


def tenant(settings: PxSettings) -> str:
    """Whose records these are: region and key; the tag key where messages go as they are."""
    key = settings.api_key if settings.api_key is not None and not settings.pushes else None
    named = (
        f"key {fingerprint(key)}" if key else f"tag key {fingerprint(SecretStr(settings.product_tag_key[0]))}"
    )
    place = f" at {settings.api_url}" if settings.api_url else ""
    return f"PX {settings.data_center} {named}{place}"


def budgets(settings: PxSettings) -> tuple[Budget, ...]:
    """About 200 requests a second and 1,000,000 a day [documented: PX API specification].

    For the address of Segment's messages no limit is known: it gets the same one, counted apart.
    """
    account, limits = tenant(settings), settings.budget
    family = "px_push" if settings.pushes else "px"
    return (
        Budget(account, family, "second", 1, limits.per_second, limits.reserve_percent),
        Budget(account, family, "day", 86_400, limits.per_day, limits.reserve_percent),
    )


def warnings(settings: PxSettings) -> tuple[Finding, ...]:
    """Tag keys of an unusual form (nobody documents it, so never an error), and settings without use."""
    found = []
    odd = [key for key in settings.product_tag_key if not USUAL_TAG_KEY.fullmatch(key)]
    if odd:
        sentence = (
            f"The tag key {odd[0]!r} does not look like AP-XXXXXXXXXX-2; "
            "copy it again if events do not show up."
        )
        found.append(Finding("warning", "product_tag_key", sentence))
    if not settings.pushes:
        return tuple(found)
    if len(settings.product_tag_key) > 1:
        sentence = f"Mode segment_push uses the first tag key only, {settings.product_tag_key[0]!r}."
        found.append(Finding("warning", "product_tag_key", sentence))
    for name in REST_ONLY:
        if getattr(settings, name) != PxSettings.model_fields[name].get_default(call_default_factory=True):
            sentence = "It has no effect in mode segment_push: PX makes of the messages what it will."
            found.append(Finding("warning", name, sentence))
    return tuple(found)
