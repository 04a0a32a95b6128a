"""Why an event waits."""

from gainstage.reason.entry import Reason

#: Waits for what only another event or a person can bring.
PARKED: dict[str, Reason] = {
    "email_missing": Reason(
        "parked",
        "no e-mail",
        "A Person needs an e-mail and none is known for this user.",
        '`{"type": "group", "userId": "u-7", "traits": {"name": "Acme"}}` before any identify of u-7.',
        "Identify the user with an e-mail: the event goes by itself.",
    ),
    "setting_missing": Reason(
        "parked",
        "setting missing",
        "A setting that this type of event needs is not set.",
        "A track call where `shared_secret` is not set.",
        "Set it: the events go by themselves.",
    ),
    "record_absent": Reason(
        "parked",
        "not at Gainsight PX yet",
        "A computation has a value for a user or an account that Gainsight PX does not have.",
        "The audience `power_users` has a member who never met the PX tag, and no identify went to PX.",
        "Send an identify of the user, or a group of the account, to PX: the event goes by itself.",
    ),
    "answer_lost": Reason(
        "parked",
        "answer lost",
        "The call was sent, no answer came, and `on_unknown` is `hold`.",
        "Gainsight took 20 seconds for a published event; the answer was not waited for.",
        "Look at Gainsight whether it arrived; retry if not.",
    ),
}

#: On its way.
PENDING: dict[str, Reason] = {
    "not_routed": Reason(
        "pending",
        "next in line",
        "Accepted, and next in line.",
        "An event in the second after it was accepted.",
        "Nothing to do.",
    ),
    "queued": Reason(
        "pending",
        "waits for its turn",
        "Waits for its turn or a moment longer to merge with others.",
        "An identify in the two seconds in which others of the same person may follow.",
        "Nothing to do.",
    ),
    "replay_paused": Reason(
        "pending",
        "replay paused",
        "The replay that sends it again is paused.",
        "An event of last week, half way through a replay that somebody paused.",
        "Resume or cancel the replay.",
    ),
    "in_flight": Reason(
        "pending",
        "under way",
        "The call is under way.",
        "The instant between request and answer.",
        "Nothing to do.",
    ),
    "out_of_budget": Reason(
        "pending",
        "out of budget",
        "The call budget is used up for now.",
        "The 80th call of the minute was made.",
        "It goes when the budget renews; or raise `budget`.",
    ),
    "depends": Reason(
        "pending",
        "waits for its company",
        "Waits until the company or account that it names is settled.",
        "A person's link waits for the new company of the same group call.",
        "Look at that company's events.",
    ),
    "paused": Reason(
        "pending",
        "paused",
        "The destination is paused.",
        "`paused: true` at the destination.",
        "Resume it.",
    ),
    "unreachable": Reason(
        "pending",
        "Gainsight out of reach",
        "The vendor cannot be reached.",
        '"Name or service not known" for a domain with a slip of the pen.',
        "It is tried again; check the network and `domain`, `data_center` or `api_url`.",
    ),
    "timeout": Reason(
        "pending",
        "no answer in time",
        "The vendor did not answer within the time limit.",
        "No answer within 15 seconds.",
        "It is tried again.",
    ),
    "vendor_error": Reason(
        "pending",
        "fault at Gainsight",
        "The vendor answered with an error of its own.",
        '"HTTP 500: GU_1101: Oops, something went wrong."',
        "It is tried again.",
    ),
    "answer_unreadable": Reason(
        "pending",
        "unreadable answer",
        "The answer was cut off, empty or not JSON.",
        '"HTTP 200 with a body that is no JSON object."',
        "It is tried again.",
    ),
    "record_gone": Reason(
        "pending",
        "record gone",
        "A record that Gainsight had before is gone there.",
        "A company was deleted or merged at Gainsight.",
        "It is looked up and, where that is allowed, made anew.",
    ),
    "held_back": Reason(
        "pending",
        "held back for live events",
        "It is no live event (`send --backfill`), and live ones may need what is left of the budget.",
        "A file of last year's events sent with `--backfill` in the afternoon of a busy day.",
        "It goes when they leave enough; or raise `budget`.",
    ),
    "throttled": Reason(
        "pending",
        "limit reached",
        "The vendor says that its limit is reached.",
        '"HTTP 429: GU_2400: Too many request", since a rule of the tenant used the limit.',
        "It goes when the limit renews; lower `budget` if it happens often.",
    ),
    "credentials_refused": Reason(
        "pending",
        "credentials refused",
        "The vendor refuses the credentials.",
        'The access key was reset at Gainsight: "HTTP 401: GS_APIG_2401: Unauthorized".',
        "Correct the key; the events go by themselves.",
    ),
    "host_refused": Reason(
        "pending",
        "wrong address",
        "What answers at this address is not the vendor's API.",
        "`domain: acme.com`: the company's web site answers.",
        "Correct `domain`, `people_path`, `data_center` or `api_url`.",
    ),
    "configuration_invalid": Reason(
        "pending",
        "settings unusable",
        "The destination's settings cannot be used.",
        "The environment lacks `GAINSIGHT_ACCESS_KEY`.",
        "Correct them; the events go by themselves.",
    ),
}
