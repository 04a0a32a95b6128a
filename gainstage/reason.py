"""The closed list of reasons: why an event is not delivered (yet), or was without a call.

Codes are safe as metric labels. Everything here is for people: the documents are made from it.
"""

from typing import Literal, NamedTuple

#: The words of the ledger, from best to worst; an event's outcome is the worst of its operations'.
Word = Literal["delivered", "filtered", "failed", "parked", "pending"]
WORDS: tuple[Word, ...] = ("delivered", "filtered", "failed", "parked", "pending")


class Reason(NamedTuple):
    """One code of the closed list."""

    word: str
    cause: str
    #: What it looks like: of an event, of a setting, or (quoted) of the sentence beside it.
    example: str
    remedy: str


REASONS: dict[str, Reason] = {
    # refused before it met a destination
    "event_not_object": Reason(
        "failed",
        "The message is not a JSON object.",
        'The body of a batch\'s message is `[1, 2]` or `"text"`.',
        "Send one JSON object a message.",
    ),
    "event_not_json": Reason(
        "failed",
        "The message is not valid JSON (or not UTF-8).",
        '`{"type": "track", "event": "Signed Up"` without its closing brace.',
        "Mend the sender's encoder.",
    ),
    "event_too_large": Reason(
        "failed",
        "The message is larger than 32 KB.",
        "A track whose property `html` holds a whole page of 40 KB.",
        "Send fewer or shorter properties.",
    ),
    "event_too_deep": Reason(
        "failed",
        "The message is nested more than 200 levels deep.",
        "A trait that holds a tree of 300 levels.",
        "Send flatter properties and traits.",
    ),
    "type_missing": Reason(
        "failed",
        "The message has no type.",
        '`{"userId": "u-7", "traits": {"plan": "gold"}}` in a batch.',
        "Set `type`, or use the path of the type.",
    ),
    "type_unknown": Reason(
        "failed",
        "The type is none of the Segment specification's.",
        '`{"type": "identified", "userId": "u-7"}`.',
        "Use identify, track, page, screen, group or alias.",
    ),
    "id_missing": Reason(
        "failed",
        "Neither userId nor anonymousId is there.",
        '`{"type": "identify", "traits": {"email": "ann@acme.com"}}`.',
        "Give one of them on every call.",
    ),
    "id_invalid": Reason(
        "failed",
        "An id is an object, a list or a truth value.",
        '`"userId": {"id": 7}`.',
        "Send ids as strings.",
    ),
    "event_name_missing": Reason(
        "failed",
        "A track call without a name in `event`.",
        '`{"type": "track", "userId": "u-7"}`.',
        "Name the event.",
    ),
    "event_name_invalid": Reason(
        "failed",
        "`event` is not a string.",
        '`"event": {"name": "Signed Up"}`.',
        "Send the event's name as a string.",
    ),
    "properties_invalid": Reason(
        "failed",
        "`properties` is not an object.",
        '`"properties": "plan=gold"`.',
        "Send properties as an object.",
    ),
    "traits_invalid": Reason(
        "failed",
        "`traits` is not an object.",
        '`"traits": ["gold"]`.',
        "Send traits as an object.",
    ),
    "context_invalid": Reason(
        "failed",
        "`context` is not an object.",
        '`"context": "web"`.',
        "Send context as an object.",
    ),
    # filtered: a rule said no
    "type_unsupported": Reason(
        "filtered",
        "The destination has no use for calls of this type.",
        "A page call at Gainsight CS.",
        "Nothing to do.",
    ),
    "type_not_selected": Reason(
        "filtered",
        "The destination's `types` leave this type out.",
        "A track call where `types` is `[identify, group]`.",
        "Add the type to `types`.",
    ),
    "integrations": Reason(
        "filtered",
        "The message's `integrations` object turns this destination off.",
        '`"integrations": {"All": true, "Gainsight": false}`.',
        "Change it where the event is sent.",
    ),
    "bundled": Reason(
        "filtered",
        "The device already sent it to this destination (`_metadata.bundled`).",
        '`"_metadata": {"bundled": ["Gainsight"]}` in a call from a browser.',
        "Nothing to do.",
    ),
    "event_not_listed": Reason(
        "filtered",
        "`track_events` lists names and this one is not among them.",
        "The track `Signed up` where `track_events` has `Signed Up`: letter case counts.",
        "Add the name, or empty the list.",
    ),
    "user_denied": Reason(
        "filtered",
        "The user is on the deny list of Gainsight PX, which ignores its events.",
        "A track call of an employee whom PX denies, where `deny_list` is `ask`.",
        "Nothing to do; or take the user off the list at Gainsight PX.",
    ),
    "nothing_mapped": Reason(
        "filtered",
        "No trait of the event goes to a field of this destination.",
        "An identify whose only trait is `favouriteColour`, which no setting maps.",
        "Map the traits that should arrive.",
    ),
    # failed: this input will always fail, until it or the settings change
    "event_unmapped": Reason(
        "failed",
        "The track name has no name or version in `events`.",
        "The track `Ticket Closed` where `events` has only `Ticket Closure`.",
        "Add it under `events`, then retry.",
    ),
    "name_missing": Reason(
        "failed",
        "A new company needs a name and the group call has none.",
        'A group with `{"groupId": "42", "traits": {"plan": "gold"}}`.',
        "Send `traits.name` with the group.",
    ),
    "key_missing": Reason(
        "failed",
        "The group call has none of the keys by which `company_match` finds companies.",
        "`company_match: [sfdcAccountId]`, and a group with a name alone.",
        "Send one of them with the group, or add `name` to `company_match`; then retry.",
    ),
    "group_id_missing": Reason(
        "failed",
        "An account needs an id and the group call has none.",
        'A group with `"groupId": ""`.',
        "Send `groupId` with the group.",
    ),
    "event_limit": Reason(
        "failed",
        "The event is over a limit of the vendor's product: one more event name than it keeps, a name or "
        "property key that is too long, or too many properties.",
        '"Gainsight PX takes at most 50 properties an event, and this one has 64: ..."',
        "The detail says which limit. Change what is sent, or the setting that it names; then retry.",
    ),
    "header_unsafe": Reason(
        "failed",
        "A value that travels as an HTTP header holds characters that headers must not.",
        "An event name `Büro eröffnet` in `events`.",
        "Use printable ASCII in the name, version, topic or contract id.",
    ),
    "value_invalid": Reason(
        "failed",
        "A value does not fit its field: type, length, form, or no item of the picklist.",
        "\"The trait `employees` is 'about 40'; the field Employees needs a number.\"",
        "Correct the value at the sender or the mapping, then retry.",
    ),
    "field_unknown": Reason(
        "failed",
        "The vendor has no such field, has it switched off, or lets nobody write it.",
        "`person_fields: {tier: Tier}` where Gainsight's field is `Tier__gc`.",
        "Correct the field's name in the mapping, or leave the field out, then retry.",
    ),
    "refused": Reason(
        "failed",
        "The vendor refuses the request.",
        '"HTTP 400: GSOBJ_PEOPLE1001: Associated entity does not exist."',
        "Read the answer in `trace`, correct, then retry.",
    ),
    "company_refused": Reason(
        "failed",
        "The company (or account) that the event names was refused.",
        "The company's `RenewalDate` is refused: the link of the person who came with it is not sent.",
        "Correct the company's values, then retry.",
    ),
    "company_ambiguous": Reason(
        "parked",
        "Several companies at Gainsight match.",
        "\"2 companies are named 'Acme': 1P02…A1, 1P02…B7.\"",
        "Merge them at Gainsight, or set `company_on_ambiguous`, then retry.",
    ),
    "company_duplicated": Reason(
        "failed",
        "Several companies at Gainsight match and `company_on_ambiguous` is `error`.",
        "The same, where `company_on_ambiguous` is `error`.",
        "Merge them at Gainsight, then retry.",
    ),
    "company_absent": Reason(
        "failed",
        "No company matches and `create_companies` is off, or Gainsight has none with the GSID given.",
        "\"Gainsight has no company named 'Acme'.\"",
        "Create it at Gainsight or turn `create_companies` on (or correct the GSID), then retry.",
    ),
    "lookup_unmatched": Reason(
        "failed",
        "The CSM's e-mail or the parent company's name has no single match at Gainsight: none, or several.",
        "\"Gainsight has no user with the e-mail 'left@acme.com' (for the field Csm).\"",
        "`trace` says which value. Correct it, or make the user or company at Gainsight, then retry.",
    ),
    "retries_exhausted": Reason(
        "failed",
        "It was tried for the whole retry time without success.",
        "Gainsight answered 503 for seven days.",
        "Mend the cause, then retry.",
    ),
    "internal_error": Reason(
        "failed",
        "gainstage itself failed on this event.",
        '"Planning failed: KeyError."',
        "Report it with the event's trace, then retry after an update.",
    ),
    "parked_too_long": Reason(
        "failed",
        "What the event lacked did not come within `park_for`.",
        '"Waited in vain: The group call has no e-mail and none is known for this user."',
        "Send it (an identify with an e-mail), then retry.",
    ),
    # parked: waits for what only another event or a person can bring
    "email_missing": Reason(
        "parked",
        "A Person needs an e-mail and none is known for this user.",
        '`{"type": "group", "userId": "u-7", "traits": {"name": "Acme"}}` before any identify of u-7.',
        "Identify the user with an e-mail: the event goes by itself.",
    ),
    "setting_missing": Reason(
        "parked",
        "A setting that this type of event needs is not set.",
        "A track call where `shared_secret` is not set.",
        "Set it: the events go by themselves.",
    ),
    "answer_lost": Reason(
        "parked",
        "The call was sent, no answer came, and `on_unknown` is `hold`.",
        "Gainsight took 20 seconds for a published event; the answer was not waited for.",
        "Look at Gainsight whether it arrived; retry if not.",
    ),
    # pending: on its way
    "not_routed": Reason(
        "pending",
        "Accepted, and next in line.",
        "An event in the second after it was accepted.",
        "Nothing to do.",
    ),
    "queued": Reason(
        "pending",
        "Waits for its turn or a moment longer to merge with others.",
        "An identify in the two seconds in which others of the same person may follow.",
        "Nothing to do.",
    ),
    "in_flight": Reason(
        "pending",
        "The call is under way.",
        "The instant between request and answer.",
        "Nothing to do.",
    ),
    "out_of_budget": Reason(
        "pending",
        "The call budget is used up for now.",
        "The 80th call of the minute was made.",
        "It goes when the budget renews; or raise `budget`.",
    ),
    "depends": Reason(
        "pending",
        "Waits until the company or account that it names is settled.",
        "A person's link waits for the new company of the same group call.",
        "Look at that company's events.",
    ),
    "paused": Reason(
        "pending",
        "The destination is paused.",
        "`paused: true` at the destination.",
        "Resume it.",
    ),
    "unreachable": Reason(
        "pending",
        "The vendor cannot be reached.",
        '"Name or service not known" for a domain with a slip of the pen.',
        "It is tried again; check the network and `domain`, `data_center` or `api_url`.",
    ),
    "timeout": Reason(
        "pending",
        "The vendor did not answer within the time limit.",
        "No answer within 15 seconds.",
        "It is tried again.",
    ),
    "vendor_error": Reason(
        "pending",
        "The vendor answered with an error of its own.",
        '"HTTP 500: GU_1101: Oops, something went wrong."',
        "It is tried again.",
    ),
    "answer_unreadable": Reason(
        "pending",
        "The answer was cut off, empty or not JSON.",
        '"HTTP 200 with a body that is no JSON object."',
        "It is tried again.",
    ),
    "record_gone": Reason(
        "pending",
        "A record that Gainsight had before is gone there.",
        "A company was deleted or merged at Gainsight.",
        "It is looked up and, where that is allowed, made anew.",
    ),
    "held_back": Reason(
        "pending",
        "It is no live event (`send --backfill`), and live ones may need what is left of the budget.",
        "A file of last year's events sent with `--backfill` in the afternoon of a busy day.",
        "It goes when they leave enough; or raise `budget`.",
    ),
    "throttled": Reason(
        "pending",
        "The vendor says that its limit is reached.",
        '"HTTP 429: GU_2400: Too many request", since a rule of the tenant used the limit.',
        "It goes when the limit renews; lower `budget` if it happens often.",
    ),
    "credentials_refused": Reason(
        "pending",
        "The vendor refuses the credentials.",
        'The access key was reset at Gainsight: "HTTP 401: GS_APIG_2401: Unauthorized".',
        "Correct the key; the events go by themselves.",
    ),
    "host_refused": Reason(
        "pending",
        "What answers at this address is not the vendor's API.",
        "`domain: acme.com`: the company's web site answers.",
        "Correct `domain`, `people_path`, `data_center` or `api_url`.",
    ),
    "configuration_invalid": Reason(
        "pending",
        "The destination's settings cannot be used.",
        "The environment lacks `GAINSIGHT_ACCESS_KEY`.",
        "Correct them; the events go by themselves.",
    ),
    # delivered without a call
    "unchanged": Reason(
        "delivered",
        "Every value is at Gainsight already.",
        "The fifth identify of a session with the same traits.",
        "Nothing to do.",
    ),
    "superseded": Reason(
        "delivered",
        "Newer values of the same fields are at Gainsight or on their way.",
        "Two changes of one trait within two seconds: the older one.",
        "Nothing to do.",
    ),
    "confirmed_later": Reason(
        "delivered",
        "A later call carried its values.",
        "Its call's answer was lost, and the next call of the record carried its values.",
        "Nothing to do.",
    ),
}
