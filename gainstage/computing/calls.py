"""The calls by which computations speak: an identify of a person, a group call of an account. Pure."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from gainstage.audiences.definition import Audience, Computation
from gainstage.computed import COMPUTED_SOURCE, NAMESPACE
from gainstage.computing.state import Call
from gainstage.event import MESSAGE_ID_CHARACTERS
from gainstage.log.contract import Entry
from gainstage.normalise import Surroundings, iso_of
from gainstage.pseudonym import Pseudonyms
from gainstage.store.rows import AUDIENCE

#: Its calls go before history and after what is live.
SURROUNDINGS = Surroundings(priority=AUDIENCE).encoded()
DIGEST_BYTES = 8


def says(call: Call) -> bool:
    """Whether there is anything to say: not the value that was said last, or to a new destination."""
    return call.again or call.value != call.said or (call.only_for is not None and call.value is not None)


def entry_of(
    call: Call,
    definition: Computation,
    told: Mapping[str, str],
    pseudonyms: Pseudonyms,
    received_us: int,
    place: int,
) -> Entry:
    """The call as an entry of the log. `told`: e-mails of people and names of accounts, JSON.

    Its time is that of the change, so that the newest value wins wherever calls meet.
    """
    destinations = call.only_for if call.only_for is not None else definition.destinations
    value = msgspec.json.decode(call.value) if call.value is not None else None
    is_audience = isinstance(definition, Audience)
    traits: dict[str, Any] = {call.key: bool(value) if is_audience else value}
    context: dict[str, Any] = {
        "personas": {
            "computation_class": "audience" if is_audience else "trait",
            "computation_id": call.key,
            "computation_key": call.key,
            "namespace": NAMESPACE,
            "space_id": NAMESPACE,
        }
    }
    message: dict[str, Any] = {
        "messageId": message_id(call, pseudonyms),
        "timestamp": iso_of(call.changed_us),
        "context": context,
        "integrations": {"All": False, **dict.fromkeys(destinations, True)},
    }
    known = told.get(call.subject)
    known_text = msgspec.json.decode(known) if known is not None else None
    if definition.subject == "account":
        name = {"name": known_text} if known_text is not None and call.key != "name" else {}
        message |= {"type": "group", "groupId": call.subject, "anonymousId": f"account:{call.subject}"}
        message["traits"] = {**name, **traits}
    else:
        kind, _, identifier = call.subject.partition(":")
        email = {"email": known_text} if known_text is not None and call.key != "email" else {}
        message |= {"type": "identify", ("userId" if kind == "u" else "anonymousId"): identifier}
        message["traits"] = {**email, **traits}
    body = msgspec.json.encode(message)
    return Entry(COMPUTED_SOURCE, call.subject, received_us, place, SURROUNDINGS, body)


def message_id(call: Call, pseudonyms: Pseudonyms) -> str:
    """Names the computation, the subject and the version of its value: said twice, it counts once.

    Of the subject it holds a keyed hash, so that it names nobody once the person was forgotten.
    """
    content = b"\0".join(
        (call.key.encode(), pseudonyms.of(call.subject), *(one.encode() for one in call.only_for or ()))
    )
    digest = hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()
    rest = f":{digest}:{call.version}"
    return call.key[: MESSAGE_ID_CHARACTERS - len(rest)] + rest


def digest_of(definition: Computation) -> str:
    """What is evaluated, as text: while it stays the same, only news and time change what somebody has."""
    fields = {name: getattr(definition, name) for name in _asked(definition)}
    return hashlib.sha256(repr(sorted(fields.items())).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _asked(definition: Computation) -> Collection[str]:
    names = {"subject", "include_anonymous"}
    return names | (
        {"condition", "quantifier"} if isinstance(definition, Audience) else {"clause", "aggregate", "window"}
    )
