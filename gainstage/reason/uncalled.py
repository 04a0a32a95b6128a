"""Why no call was made for an event, and none is needed."""

from gainstage.reason.entry import Reason

#: A rule said no.
FILTERED: dict[str, Reason] = {
    "type_unsupported": Reason(
        "filtered",
        "type not supported",
        "The destination has no use for calls of this type.",
        "A page call at Gainsight CS.",
        "Nothing to do.",
    ),
    "type_not_selected": Reason(
        "filtered",
        "type not selected",
        "The destination's `types` leave this type out, or the setting for pages or screens is off.",
        "A track call where `types` is `[identify, group]`; a page call where `page_events` is off.",
        "Add the type to `types`, or turn the setting on that the detail names.",
    ),
    "integrations": Reason(
        "filtered",
        "turned off by the sender",
        "The message's `integrations` object turns this destination off.",
        '`"integrations": {"All": true, "Gainsight": false}`.',
        "Change it where the event is sent.",
    ),
    "bundled": Reason(
        "filtered",
        "sent by the device itself",
        "The device already sent it to this destination (`_metadata.bundled`).",
        '`"_metadata": {"bundled": ["Gainsight"]}` in a call from a browser.',
        "Nothing to do.",
    ),
    "event_not_listed": Reason(
        "filtered",
        "event not listed",
        "`track_events` lists names and this one is not among them.",
        "The track `Signed up` where `track_events` has `Signed Up`: letter case counts.",
        "Add the name, or empty the list.",
    ),
    "user_denied": Reason(
        "filtered",
        "on the deny list",
        "The user is on the deny list of Gainsight PX, which ignores its events.",
        "A track call of an employee whom PX denies, where `deny_list` is `ask`.",
        "Nothing to do; or take the user off the list at Gainsight PX.",
    ),
    "suppressed": Reason(
        "filtered",
        "person was forgotten",
        "Its person was forgotten on request, so nothing of the event is kept or sent.",
        "An identify of somebody for whom `gainstage forget person` was run last week.",
        "Nothing to do; if the person is a user again, lift the suppression: `gainstage forget lift`.",
    ),
    "nothing_mapped": Reason(
        "filtered",
        "nothing mapped",
        "No trait of the event goes to a field of this destination.",
        "An identify whose only trait is `favouriteColour`, which no setting maps.",
        "Map the traits that should arrive.",
    ),
    "computation_elsewhere": Reason(
        "filtered",
        "audience not sent here",
        "The `destinations` of the audience or computed trait do not name this one.",
        "The audience `power_users` is sent to `cs` alone; at `px` its calls end here.",
        "Nothing to do; or add the destination to the definition.",
    ),
    "computation_unmapped": Reason(
        "filtered",
        "audience or trait not mapped",
        "The destination maps the key of the audience or computed trait to no field.",
        "The audience `power_users` was sent to CS, and `person_fields` has `power_users` no more.",
        "Map the key again in the destination's settings; what was filtered until then: `gainstage replay`.",
    ),
    "value_kept": Reason(
        "filtered",
        "last value kept",
        "A computed trait has no value any more, and `when_value_gone` is keep.",
        "The last order of a customer is older than the 90 days of `revenue_90_days`.",
        "Nothing to do; or set `when_value_gone` to clear.",
    ),
    "replay_cancelled": Reason(
        "filtered",
        "replay cancelled",
        "A replay brought it to a destination that it had not met, and was cancelled before it was sent.",
        "A replay of last year to a new destination, cancelled half way.",
        "Nothing to do; another replay takes it along.",
    ),
}

#: Delivered without a call of its own.
DELIVERED: dict[str, Reason] = {
    "unchanged": Reason(
        "delivered",
        "nothing new",
        "Every value is at Gainsight already.",
        "The fifth identify of a session with the same traits.",
        "Nothing to do.",
    ),
    "superseded": Reason(
        "delivered",
        "overtaken by newer values",
        "Newer values of the same fields are at Gainsight or on their way.",
        "Two changes of one trait within two seconds: the older one.",
        "Nothing to do.",
    ),
    "confirmed_later": Reason(
        "delivered",
        "confirmed by a later call",
        "A later call carried its values.",
        "Its call's answer was lost, and the next call of the record carried its values.",
        "Nothing to do.",
    ),
}
