"""Switches for everything that the vendor's public documents leave open or contradict.

SWITCHES is the one table: the control endpoint, the models and the documentation all read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Value = str | float | tuple[str, ...]


class RefusedError(Exception):
    """A setting that the sandbox does not have; the text is one clear sentence."""


@dataclass(frozen=True, slots=True)
class Switch:
    name: str
    default: Value
    about: str
    values: tuple[str, ...] = ()
    """The allowed words; empty for a list of texts or a number."""

    @property
    def allowed(self) -> str:
        if self.values:
            return ", ".join(self.values)
        return "a list of texts" if isinstance(self.default, tuple) else "a number, 0 or more"

    def read(self, value: Any) -> Value:
        """The value as stored; raises RefusedError when it is not allowed."""
        if self.values and isinstance(value, str) and value in self.values:
            return value
        if isinstance(self.default, tuple) and isinstance(value, list | tuple):
            if all(isinstance(item, str) for item in value):
                return tuple(value)
        elif isinstance(self.default, float) and _is_number(value) and 0 <= value < 1e9:
            return float(value)
        raise RefusedError(f"The switch {self.name} does not take {value!r}; allowed: {self.allowed}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _choice(name: str, values: str, about: str) -> Switch:
    """A switch of words; the first one is the default."""
    words = tuple(values.split())
    return Switch(name, words[0], about, words)


SWITCHES: tuple[Switch, ...] = (
    # Credentials
    Switch("refused_keys", (), "Credentials of any kind that are refused everywhere."),
    Switch("cs_access_keys", (), "The only CS access keys accepted; empty accepts any."),
    Switch("cs_shared_secrets", (), "The only shared secrets accepted for CS events; empty accepts any."),
    Switch("px_api_keys", (), "The only PX API keys accepted; empty accepts any."),
    Switch("px_read_only_keys", (), "PX API keys without the permission Write."),
    Switch("px_write_only_keys", (), "PX API keys without the permission Read."),
    Switch(
        "px_key_hosts",
        (),
        "PX API and tag keys that one data center knows, each as `KEY@HOST`; others hold at every host.",
    ),
    Switch("px_tag_keys", (), "The only PX product tag keys accepted; empty accepts any."),
    Switch("clickstream_access_keys", (), "The only clickstream access keys accepted; empty accepts any."),
    _choice("clickstream_key_length", "any 36", "Whether a clickstream key must have 36 characters."),
    _choice("cs_auth_refusal", "401_json 400_json 403_json 401_html", "How CS answers a refused credential."),
    _choice("px_auth_refusal", "401_json 401_text 403_html", "How PX answers a refused credential."),
    # CS, all calls
    _choice("cs_failure_status", "400 200", "The HTTP status of a CS answer with result:false."),
    _choice(
        "cs_html_errors",
        "off on",
        "Whether CS errors come as an HTML page with HTTP 200 when Accept lacks application/json.",
    ),
    _choice("cs_field_case", "exact insensitive", "Whether CS field names must match letter for letter."),
    _choice("cs_null", "clear reject ignore", "What an explicit null does to a CS field that may be empty."),
    _choice("cs_read_only", "reject ignore", "What happens to read-only CS fields in a write."),
    _choice("cs_picklist", "label_or_gsid gsid label", "How a picklist item is named in a CS write."),
    _choice("cs_date_write", "any text epoch_ms", "The form in which a write gives a day (DATE)."),
    _choice("cs_describe_links", "answer refuse", "Whether Company Person can be described."),
    _choice("cs_metadata_status", "404 400 200", "The HTTP status of a metadata error."),
    _choice("cs_unknown_object", "accept reject", "Whether an unseeded `__gc` object exists."),
    # CS people
    _choice("cs_people_path", "both old new", "Which people path exists (old is /v1.0/api/people)."),
    _choice("cs_person_reply", "null gsid record records text", "The `data` of a person that was written."),
    _choice(
        "cs_person_links", "companies associations both", "The body key that links a person to companies."
    ),
    _choice(
        "cs_async_quota",
        "counted free",
        "Whether people/async uses the asynchronous quota (else the sync one).",
    ),
    _choice(
        "cs_async_status_quota", "sync free", "Whether asking for an asynchronous status counts as a call."
    ),
    Switch("cs_async_seconds", 1.0, "Seconds until an asynchronous people call is processed."),
    _choice("cs_async_first_row", "1 0", "The row number of the first record in asynchronous errors."),
    _choice("cs_async_service", "open gone", "Whether people/async exists."),
    _choice("cs_async_body", "records people list", "Where people/async looks for its records."),
    _choice(
        "cs_async_reply",
        "object text list without",
        "The `data` of an accepted asynchronous call: {statusId}, the id, a list of one object, or no id.",
    ),
    _choice("cs_async_status_path", "both plain status", "Which address asynchronous statuses have."),
    _choice(
        "cs_async_report",
        "full errors values numbers counts",
        "What a status tells: rows that succeeded and errors, errors only, those without row numbers, "
        "without field and value, or counts alone.",
    ),
    _choice(
        "cs_async_bad_row",
        "row call",
        "Whether a bad row fails alone, or has the whole asynchronous call refused.",
    ),
    _choice("cs_async_over_limit", "429 400", "The HTTP status over the asynchronous quota."),
    # CS lookups in writes
    _choice(
        "cs_lookup_error",
        "target source unnamed",
        "What the refusal of a lookup names: its target, the record's own field, or nothing.",
    ),
    _choice(
        "cs_lookup_code",
        "GSOBJ_1008 GSOBJ_1002 GSOBJ_1011",
        "The code of a lookup without a match, or with several, in an object's write.",
    ),
    _choice(
        "cs_lookup_case", "insensitive exact", "Whether lookups tell e-mails in other letter case apart."
    ),
    _choice(
        "cs_lookup_absent",
        "skip refuse",
        "A record that has none of a lookup's fields: not looked up, or as without a match.",
    ),
    _choice("cs_user_read", "answer refuse", "Whether gsuser can be read."),
    # CS company and custom objects
    _choice("cs_read_shape", "list records", "Whether a read's rows are `data` or `data.records`."),
    _choice(
        "cs_no_rows",
        "empty result_false error_400",
        "A read that finds nothing: no rows, result:false, or GSOBJ_1011.",
    ),
    _choice(
        "cs_update_unmatched",
        "fail fail_named partial",
        "When some keys of an update match nothing: all fails, all fails by name, or fewer `records`.",
    ),
    _choice("cs_update_ambiguous", "all first error", "An update when several companies match the keys."),
    _choice("cs_record_order", "kept reversed", "The order of `records` in a write's reply."),
    _choice(
        "cs_error_nesting",
        "by_record by_position flat",
        "A refused batch's `errors`: a list per bad record, a list per record, or one list.",
    ),
    _choice("cs_company_name", "repeatable unique", "Whether two companies may have one name."),
    _choice("cs_date_read", "epoch_ms text", "How dates are read back."),
    # CS events
    _choice("cs_event_topic", "required optional", "Whether the topicName header must be there."),
    _choice("cs_event_reply", "envelope text empty", "The reply to an accepted event."),
    _choice("cs_event_properties", "accept reject", "Properties that a seeded event definition lacks."),
    # PX
    _choice("px_absent_put", "404 400", "The status of a PUT to a user or account that is not there."),
    _choice("px_unknown_attribute", "reject ignore", "customAttributes that are not among the seeded ones."),
    _choice(
        "px_disabled_attribute",
        "reject ignore accept",
        "Attributes that are switched off: seeded ones, and default ones, which a write has as fields.",
    ),
    _choice(
        "px_attribute_list", "list attributes content", "Whether attributes come as a list, or in an object."
    ),
    _choice("px_unknown_field", "ignore reject", "Fields that PX users, accounts and events do not have."),
    _choice("px_read_only", "ignore reject", "What happens to read-only PX fields in a write."),
    _choice("px_put_property_keys", "optional required", "Whether a PUT must carry propertyKeys."),
    _choice("px_missing_account", "accept reject", "A user whose accountId does not exist."),
    _choice(
        "px_denied_unknown_user",
        "404 400 200",
        "The status of a question whether a user that does not exist is on the deny list.",
    ),
    _choice("px_event_unknown_user", "accept reject", "A custom event for a user that does not exist."),
    _choice("px_event_id", "ignore deduplicate", "Whether a repeated eventId is dropped."),
    _choice(
        "px_push_message_id", "deduplicate ignore", "Whether a repeated messageId is dropped by Segment push."
    ),
    # Clickstream
    _choice("clickstream_reply", "success failure list empty", "The body of an answered message (HTTP 200)."),
    _choice("clickstream_service", "open gone", "Whether the clickstream endpoint still takes messages."),
)

_BY_NAME = {switch.name: switch for switch in SWITCHES}


def switch_table() -> str:
    """The switches as a Markdown table, for the documentation."""
    lines = ["| switch | values, default first | decides |", "|---|---|---|"]
    for switch in SWITCHES:
        shown = ", ".join(f"`{word}`" for word in switch.values)
        if not shown:
            empty = "empty" if switch.default == () else f"{switch.default:g}"
            shown = f"{empty}; {switch.allowed}"
        lines.append(f"| `{switch.name}` | {shown} | {switch.about} |")
    return "\n".join(lines)


class Behaviour:
    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        self.reset()

    def reset(self) -> None:
        self._values = {switch.name: switch.default for switch in SWITCHES}

    def set(self, wanted: Mapping[str, Any]) -> None:
        """Change several switches, or none when one value is refused."""
        for name in wanted:
            if name not in _BY_NAME:
                raise RefusedError(f"There is no switch {name!r}; GET this address to see them all.")
        self._values.update({name: _BY_NAME[name].read(value) for name, value in wanted.items()})

    def word(self, name: str) -> str:
        value = self._values[name]
        assert isinstance(value, str)
        return value

    def number(self, name: str) -> float:
        value = self._values[name]
        assert isinstance(value, float)
        return value

    def accepts(self, credential: str, only: str) -> bool:
        """Whether a credential is good: not empty, not refused, and among `only` when that is set."""
        accepted = self._values[only]
        refused = self._values["refused_keys"]
        assert isinstance(accepted, tuple) and isinstance(refused, tuple)
        return bool(credential) and credential not in refused and (not accepted or credential in accepted)

    def lists(self, name: str, text: str) -> bool:
        """Whether a text is in the list of a switch."""
        listed = self._values[name]
        assert isinstance(listed, tuple)
        return text in listed

    def known_at(self, key: str, host: str) -> bool:
        """Whether the data center at this host knows a PX key."""
        bound = self._values["px_key_hosts"]
        assert isinstance(bound, tuple)
        hosts = [place for name, _, place in (entry.rpartition("@") for entry in bound) if name == key]
        return not hosts or host in hosts

    def describe(self) -> list[dict[str, Any]]:
        return [
            {
                "name": switch.name,
                "value": self._values[switch.name],
                "default": switch.default,
                "allowed": list(switch.values) or switch.allowed,
                "about": switch.about,
            }
            for switch in SWITCHES
        ]
