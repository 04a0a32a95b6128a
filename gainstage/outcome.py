"""How a delivery can end: the whole vocabulary of outcomes, and the closed list of reason codes.

Outcomes are values. A destination's exchange settles each piece of work with one of them; the engine alone
decides what follows (advance, wait, take apart, pause). `detail` is a sentence that may hold personal data:
stored and shown to the admin, never logged. `code` is from `REASONS` and safe as a metric label.
"""

from typing import Literal, NamedTuple

import msgspec


class Delivered(msgspec.Struct, frozen=True):
    """Confirmed by the destination, or known to be there already (`unchanged`, `superseded`)."""

    code: str = ""
    detail: str = ""


class Filtered(msgspec.Struct, frozen=True):
    """A rule said no, on purpose."""

    code: str
    detail: str = ""


class Rejected(msgspec.Struct, frozen=True):
    """This input will always fail. `fields` names the vendor fields at fault, where the answer tells."""

    code: str
    detail: str
    fields: tuple[str, ...] = ()


class Retry(msgspec.Struct, frozen=True):
    """May succeed later. `after_seconds` is the vendor's own wish, where it gave one."""

    code: str
    detail: str
    after_seconds: float | None = None


class Unknown(msgspec.Struct, frozen=True):
    """Sent, and no answer came. `hold`: do not repeat it by itself, a person decides."""

    code: str
    detail: str
    hold: bool = False


class Throttled(msgspec.Struct, frozen=True):
    """Over the vendor's limit: the budget pauses, no attempt is spent."""

    after_seconds: float | None = None
    detail: str = ""


class Parked(msgspec.Struct, frozen=True):
    """The event waits whole for what only another event or a person can bring."""

    code: str
    detail: str


class Blocked(msgspec.Struct, frozen=True):
    """Credentials, host or settings are refused: the destination pauses, no event is at fault."""

    code: str
    detail: str


Outcome = Delivered | Filtered | Rejected | Retry | Unknown | Throttled | Parked | Blocked

#: The words of the ledger, from best to worst; an event's outcome is the worst of its operations'.
Word = Literal["delivered", "filtered", "failed", "parked", "pending"]
WORDS: tuple[Word, ...] = ("delivered", "filtered", "failed", "parked", "pending")


class Reason(NamedTuple):
    """One code of the closed list."""

    word: str
    cause: str
    remedy: str


REASONS: dict[str, Reason] = {
    # refused before it met a destination
    "event_not_object": Reason(
        "failed", "The message is not a JSON object.", "Send one JSON object a message."
    ),
    "event_not_json": Reason(
        "failed", "The message is not valid JSON (or not UTF-8).", "Mend the sender's encoder."
    ),
    "event_too_large": Reason(
        "failed", "The message is larger than 32 KB.", "Send fewer or shorter properties."
    ),
    "event_too_deep": Reason(
        "failed", "The message is nested more than 200 levels deep.", "Send flatter properties and traits."
    ),
    "type_missing": Reason("failed", "The message has no type.", "Set `type`, or use the path of the type."),
    "type_unknown": Reason(
        "failed",
        "The type is none of the Segment specification's.",
        "Use identify, track, page, screen, group or alias.",
    ),
    "id_missing": Reason(
        "failed", "Neither userId nor anonymousId is there.", "Give one of them on every call."
    ),
    "id_invalid": Reason("failed", "An id is an object, a list or a truth value.", "Send ids as strings."),
    "event_name_missing": Reason("failed", "A track call without a name in `event`.", "Name the event."),
    "event_name_invalid": Reason("failed", "`event` is not a string.", "Send the event's name as a string."),
    "properties_invalid": Reason("failed", "`properties` is not an object.", "Send properties as an object."),
    "traits_invalid": Reason("failed", "`traits` is not an object.", "Send traits as an object."),
    "context_invalid": Reason("failed", "`context` is not an object.", "Send context as an object."),
    # filtered: a rule said no
    "type_unsupported": Reason(
        "filtered", "The destination has no use for calls of this type.", "Nothing to do."
    ),
    "type_not_selected": Reason(
        "filtered", "The destination's `types` leave this type out.", "Add the type to `types`."
    ),
    "integrations": Reason(
        "filtered",
        "The message's `integrations` object turns this destination off.",
        "Change it where the event is sent.",
    ),
    "bundled": Reason(
        "filtered", "The device already sent it to this destination (`_metadata.bundled`).", "Nothing to do."
    ),
    "event_not_listed": Reason(
        "filtered",
        "`track_events` lists names and this one is not among them.",
        "Add the name, or empty the list.",
    ),
    "nothing_mapped": Reason(
        "filtered",
        "No trait of the event goes to a field of this destination.",
        "Map the traits that should arrive.",
    ),
    # failed: this input will always fail, until it or the settings change
    "event_unmapped": Reason(
        "failed", "The track name has no name or version in `events`.", "Add it under `events`, then retry."
    ),
    "name_missing": Reason(
        "failed",
        "A new company needs a name and the group call has none.",
        "Send `traits.name` with the group.",
    ),
    "key_missing": Reason(
        "failed",
        "The group call has none of the keys by which `company_match` finds companies.",
        "Send one of them with the group, or add `name` to `company_match`; then retry.",
    ),
    "group_id_missing": Reason(
        "failed", "An account needs an id and the group call has none.", "Send `groupId` with the group."
    ),
    "header_unsafe": Reason(
        "failed",
        "A value that travels as an HTTP header holds characters that headers must not.",
        "Use printable ASCII in the name, version, topic or contract id.",
    ),
    "value_invalid": Reason(
        "failed",
        "A value does not fit its field: type, length, form, or no item of the picklist.",
        "Correct the value at the sender or the mapping, then retry.",
    ),
    "field_unknown": Reason(
        "failed",
        "The vendor has no such field, or nobody may write it.",
        "Correct the field's name in the mapping, or leave the field out, then retry.",
    ),
    "refused": Reason(
        "failed", "The vendor refuses the request.", "Read the answer in `trace`, correct, then retry."
    ),
    "company_refused": Reason(
        "failed",
        "The company (or account) that the event names was refused.",
        "Correct the company's values, then retry.",
    ),
    "company_ambiguous": Reason(
        "parked",
        "Several companies at Gainsight match.",
        "Merge them at Gainsight, or set `company_on_ambiguous`, then retry.",
    ),
    "company_duplicated": Reason(
        "failed",
        "Several companies at Gainsight match and `company_on_ambiguous` is `error`.",
        "Merge them at Gainsight, then retry.",
    ),
    "company_absent": Reason(
        "failed",
        "No company matches and `create_companies` is off, or Gainsight has none with the GSID given.",
        "Create it at Gainsight or turn `create_companies` on (or correct the GSID), then retry.",
    ),
    "lookup_unmatched": Reason(
        "failed",
        "The CSM's e-mail or the parent company's name has no single match at Gainsight: none, or several.",
        "`trace` says which value. Correct it, or make the user or company at Gainsight, then retry.",
    ),
    "retries_exhausted": Reason(
        "failed", "It was tried for the whole retry time without success.", "Mend the cause, then retry."
    ),
    "internal_error": Reason(
        "failed",
        "gainstage itself failed on this event.",
        "Report it with the event's trace, then retry after an update.",
    ),
    "parked_too_long": Reason(
        "failed",
        "What the event lacked did not come within `park_for`.",
        "Send it (an identify with an e-mail), then retry.",
    ),
    # parked: waits for what only another event or a person can bring
    "email_missing": Reason(
        "parked",
        "A Person needs an e-mail and none is known for this user.",
        "Identify the user with an e-mail: the event goes by itself.",
    ),
    "setting_missing": Reason(
        "parked",
        "A setting that this type of event needs is not set.",
        "Set it: the events go by themselves.",
    ),
    "answer_lost": Reason(
        "parked",
        "The call was sent, no answer came, and `on_unknown` is `hold`.",
        "Look at Gainsight whether it arrived; retry if not.",
    ),
    # pending: on its way
    "not_routed": Reason("pending", "Accepted, and next in line.", "Nothing to do."),
    "queued": Reason(
        "pending", "Waits for its turn or a moment longer to merge with others.", "Nothing to do."
    ),
    "in_flight": Reason("pending", "The call is under way.", "Nothing to do."),
    "out_of_budget": Reason(
        "pending", "The call budget is used up for now.", "It goes when the budget renews; or raise `budget`."
    ),
    "depends": Reason(
        "pending",
        "Waits until the company or account that it names is settled.",
        "Look at that company's events.",
    ),
    "paused": Reason("pending", "The destination is paused.", "Resume it."),
    "unreachable": Reason(
        "pending",
        "The vendor cannot be reached.",
        "It is tried again; check the network and `domain`, `data_center` or `api_url`.",
    ),
    "timeout": Reason("pending", "The vendor did not answer within the time limit.", "It is tried again."),
    "vendor_error": Reason("pending", "The vendor answered with an error of its own.", "It is tried again."),
    "answer_unreadable": Reason(
        "pending", "The answer was cut off, empty or not JSON.", "It is tried again."
    ),
    "record_gone": Reason(
        "pending",
        "A record that Gainsight had before is gone there.",
        "It is looked up and, where that is allowed, made anew.",
    ),
    "held_back": Reason(
        "pending",
        "It is no live event (`send --backfill`), and live ones may need what is left of the budget.",
        "It goes when they leave enough; or raise `budget`.",
    ),
    "throttled": Reason(
        "pending",
        "The vendor says that its limit is reached.",
        "It goes when the limit renews; lower `budget` if it happens often.",
    ),
    "credentials_refused": Reason(
        "pending", "The vendor refuses the credentials.", "Correct the key; the events go by themselves."
    ),
    "host_refused": Reason(
        "pending",
        "What answers at this address is not the vendor's API.",
        "Correct `domain`, `people_path`, `data_center` or `api_url`.",
    ),
    "configuration_invalid": Reason(
        "pending", "The destination's settings cannot be used.", "Correct them; the events go by themselves."
    ),
    # delivered without a call
    "unchanged": Reason("delivered", "Every value is at Gainsight already.", "Nothing to do."),
    "superseded": Reason(
        "delivered", "Newer values of the same fields are at Gainsight or on their way.", "Nothing to do."
    ),
    "confirmed_later": Reason("delivered", "A later call carried its values.", "Nothing to do."),
}
