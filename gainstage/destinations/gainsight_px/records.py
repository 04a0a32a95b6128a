"""How users and accounts are created and updated: one call for a known one, two for a new one.

What PX refuses is tried again only where the documents leave open what it refuses: fields that are read-only
by the specification, and accounts that are not there.
"""

import re
from collections.abc import Generator, Sequence
from typing import Any

import msgspec

from gainstage.destination import Exchange, Request, Response, Settled, Work
from gainstage.destinations.gainsight_px.api import (
    ID_FIELDS,
    PATHS,
    Call,
    absent,
    call,
    path_of,
    read_answer,
    sub_errors,
    told_absent,
)
from gainstage.destinations.gainsight_px.attributes import with_mapped_attributes
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.operation import Record
from gainstage.outcome import Delivered, Outcome, Parked, Rejected, Retry

#: What the specification calls read-only, of the fields that are mapped; clients send them all the same.
READ_ONLY = {
    "user": frozenset({"createDate", "lastSeenDate", "numberOfVisits", "lastModifiedDate"}),
    "account": frozenset({"createDate", "lastModifiedDate", "numberOfUsers"}),
}
#: Why a computed value waits.
ABSENT = {
    "user": "Gainsight PX has no such user yet.",
    "account": "Gainsight PX has no such account yet.",
}
#: The fact that PX refused them for a record.
REFUSES_READ_ONLY = "refuses_read_only"
#: Words that refusals use of anything: a refusal that says them names no field by that.
COMMON_WORDS = frozenset({"id", "identifyId", "propertyKeys", "name", "type"})


class Ended(msgspec.Struct, frozen=True):
    """How a write ended; without an outcome it arrived."""

    outcome: Outcome | None
    #: The answers that it follows from.
    answers: tuple[Response, ...] = ()
    facts: dict[str, Any] = {}
    learnt: dict[Record, dict[str, Any] | None] = {}
    #: PX said that it has no such record.
    missing: bool = False

    @property
    def refused(self) -> bool:
        """Whether PX says that something is wrong with what was written."""
        return isinstance(self.outcome, Rejected) and any(answer.status == 400 for answer in self.answers)


Writing = Generator[Request | Settled, Response | None, Ended]
Looking = Generator[Request | Settled, Response | None, bool | None]


def upsert(settings: PxSettings, work: Work, index: int) -> Exchange:
    """Write it; then again without read-only fields, or with its account made, where that may be at fault."""
    work = with_mapped_attributes(settings, work)
    slim = without_read_only(work)
    if work.facts.get(REFUSES_READ_ONLY):
        work = slim
    if not work.fields and work.facts.get("exists"):
        yield Settled(index, Delivered())
        return
    ended = yield from write(settings, work, index)
    facts: dict[str, Any] = {"exists": True}
    if ended.refused and slim != work and may_be_about(ended, work, READ_ONLY[work.record.object]):
        told = named_in(ended.answers, work) & READ_ONLY[work.record.object]
        again = yield from write(settings, slim, index, ended.missing)
        if told or not again.refused:
            facts[REFUSES_READ_ONLY] = True
            ended, work = again, slim
    account = account_of(work)
    if ended.refused and account is not None and may_be_about(ended, work, frozenset({"accountId"})):
        ended = yield from with_account(settings, work, index, account, ended)
    if ended.outcome is None:
        yield Settled(index, Delivered(), {**ended.facts, **facts}, ended.learnt)
        return
    outcome = ended.outcome
    if ended.refused and isinstance(outcome, Rejected) and not outcome.fields:
        outcome = Rejected(outcome.code, outcome.detail, fields_at_fault(ended, work))
    yield Settled(index, outcome, ended.facts, ended.learnt)


def write(settings: PxSettings, work: Work, index: int, missing: bool = False) -> Writing:
    """Update; create what is absent; a refused create may have met a twin made meanwhile: update again.

    PUT of an absent record is 404, POST of one that exists is 400 ("possible duplicate", text unknown)
    [documented]. One client takes 400 for the answer to a PUT of an absent record [contradicts the
    specification]: so what is refused without naming a field is tried by POST then, too. All three are safe
    to repeat.
    """
    if missing:
        return (yield from create_missing(settings, work, index))
    known = bool(work.facts.get("exists"))
    response = yield from update(settings, work, index)
    outcome = read_answer(settings, response)
    if absent(response):
        account = account_of(work)
        if known and account is not None and (yield from is_there(settings, account, index)) is False:
            sentence = "Gainsight PX no longer has the user, nor the account: the account is made anew first."
            gone = Retry("record_gone", sentence)
            return Ended(gone, (response,), {"exists": None}, {account: None})
        return (yield from create_missing(settings, work, index))
    refused = isinstance(outcome, Rejected) and response.status == 400
    if not refused or (known and named_in((response,), work)):
        return Ended(outcome, (response,))
    if not makes(work):
        there = yield from is_there(settings, work.record, index)
        return (
            (yield from create_missing(settings, work, index))
            if there is False
            else Ended(outcome, (response,))
        )
    created = yield from create(settings, work, index)
    refusal = read_answer(settings, created)
    if not (isinstance(outcome, Rejected) and isinstance(refusal, Rejected)):
        return Ended(refusal, (created,))
    detail = f"Update: {outcome.detail} Create: {refusal.detail}"
    return Ended(Rejected("refused", detail), (response, created))


def create_missing(settings: PxSettings, work: Work, index: int) -> Writing:
    """Create; where that is refused, a twin may have been made meanwhile: update. What only adds a computed
    value makes nobody: it waits until the record is there.
    """
    if not makes(work):
        return Ended(
            Parked("record_absent", ABSENT[work.record.object], for_record=True), facts={"exists": None}
        )
    response = yield from create(settings, work, index)
    outcome = read_answer(settings, response)
    if response.status != 400:
        return Ended(outcome, (response,))
    updated = yield from update(settings, work, index)
    if absent(updated):
        return Ended(outcome, (response,), missing=True)
    return Ended(read_answer(settings, updated), (updated,))


def with_account(settings: PxSettings, work: Work, index: int, account: Record, ended: Ended) -> Writing:
    """A refused user may name an account that PX does not have: make it, with its id as its name.

    Whether PX minds that is not documented. An account that was there before is written again from what is
    known of it, before the user is tried anew. Others may make it at the same time: then the user is tried
    anew too, once.
    """
    was_there = bool(work.after.get(account, {}).get("exists"))
    learnt: dict[Record, dict[str, Any] | None] = {account: {"exists": True}}
    there = yield from is_there(settings, account, index)
    if not there:
        identifier = account.key.removeprefix("id:")
        body = {"id": identifier, "name": identifier, "propertyKeys": list(settings.product_tag_key)}
        response = yield from call(settings, "POST", PATHS["account"], body, index)
        refusal = read_answer(settings, response)
        if refusal is None and (account not in work.after or was_there):
            sentence = f"Gainsight PX no longer had the account {identifier!r}: it is made anew."
            return Ended(Retry("record_gone", sentence), (response,), learnt={account: None})
        if isinstance(refusal, Rejected):  # others may have made it meanwhile
            there = None if there is None else (yield from is_there(settings, account, index))
            if there is False:
                named = f"The account {identifier!r}, which the user is to be linked to, is refused"
                detail = f"{named}: {refusal.detail}"
                return Ended(Rejected("company_refused", detail, ("accountId",)), (response,))
        elif refusal is not None:
            return Ended(refusal, (response,))
        else:
            there = True
    elif was_there:
        return msgspec.structs.replace(ended, learnt=learnt)
    again = yield from write(settings, work, index, ended.missing)
    if again.refused and not there:  # nothing tells that the account is there
        return again
    return msgspec.structs.replace(again, learnt={**again.learnt, **learnt})


def is_there(settings: PxSettings, record: Record, index: int) -> Looking:
    """Whether PX has an account or a user; None where it does not tell."""
    path = path_of(PATHS[record.object], record.key.removeprefix("id:"))
    if path is None:
        return None
    response = yield from call(settings, "GET", path, None, index)
    if told_absent(response):
        return False
    return True if response.status == 200 and isinstance(response.json(), dict) else None


def makes(work: Work) -> bool:
    """Whether the record may be created for this: identify and group calls give more than attributes."""
    return not all(name.startswith("customAttributes.") for name in (*work.fields, *work.known))


def account_of(work: Work) -> Record | None:
    """The account that a user is linked to."""
    identifier = work.fields.get("accountId", work.known.get("accountId"))
    return Record("account", f"id:{identifier}") if work.record.object == "user" and identifier else None


def without_read_only(work: Work) -> Work:
    """The work without what PX says that only PX writes."""
    leave = READ_ONLY[work.record.object]
    if leave.isdisjoint(work.known) and leave.isdisjoint(work.fields):
        return work
    fields = {name: value for name, value in work.fields.items() if name not in leave}
    known = {name: value for name, value in work.known.items() if name not in leave}
    return msgspec.structs.replace(work, fields=fields, known=known)


def may_be_about(ended: Ended, work: Work, names: frozenset[str]) -> bool:
    """Whether a refusal may be about these fields: it names one of them, or none that was written at all."""
    named = named_in(ended.answers, work)
    return not named or not named.isdisjoint(names)


def named_in(answers: Sequence[Response], work: Work) -> set[str]:
    """The fields of a work, and of what is known of its record, that refusals name in their text."""
    said = b"\n".join(answer.body for answer in answers).decode(errors="replace")
    said = said.replace(work.record.key.removeprefix("id:"), "")
    written = {name.rpartition(".")[2] for name in (*work.fields, *work.known)} - COMMON_WORDS
    found = {name for name in written if re.search(rf"\b{re.escape(name)}\b", said, re.IGNORECASE)}
    if "accountId" in written and "account" in said.lower():
        found.add("accountId")
    return found


def fields_at_fault(ended: Ended, work: Work) -> tuple[str, ...]:
    """The fields of a work that sub-errors name as theirs; the form of these is not documented."""
    named = {error.get("field") for answer in ended.answers for error in sub_errors(answer)}
    return tuple(name for name in work.fields if name in named or name.partition(".")[0] in named)


def update(settings: PxSettings, work: Work, index: int) -> Call:
    """PUT of the changed fields: an update is a merge [seen in clients, which send single fields]."""
    kind, identifier = work.record.object, work.record.key.removeprefix("id:")
    body = nested(work.fields, work.known)
    body.pop(ID_FIELDS[kind], None)
    # Required by the specification; not by the service that clients see. With them both are content.
    body.setdefault("propertyKeys", list(settings.product_tag_key))
    path = path_of(PATHS[kind], identifier)
    if path is None:
        path, body = f"{PATHS[kind]}/update", {ID_FIELDS[kind]: identifier, **body}
    response = yield from call(settings, "PUT", path, body, index)
    return response


def create(settings: PxSettings, work: Work, index: int) -> Call:
    """POST of all that is known, and of what the specification requires of a new record [documented]."""
    kind, identifier = work.record.object, work.record.key.removeprefix("id:")
    known = {**work.known, **work.fields, ID_FIELDS[kind]: identifier}
    known.setdefault("propertyKeys", list(settings.product_tag_key))
    if kind == "account":
        known.setdefault("name", identifier)
    else:
        known.setdefault("type", "USER")
        if "signUpDate" not in known and "createDate" not in known:
            known["signUpDate"] = work.time_us // 1000
    response = yield from call(settings, "POST", PATHS[kind], nested(known, known), index)
    return response


def nested(fields: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Fields such as `location.city` as objects.

    An object goes with every value that is known of it: whether PX merges into objects or replaces them is
    not documented, and so both end the same.
    """
    objects = {name.partition(".")[0] for name in fields if is_inner(name)}
    whole = {name: value for name, value in known.items() if name.partition(".")[0] in objects}
    body: dict[str, Any] = {}
    for name, value in {**whole, **fields}.items():
        outer, _, inner = name.partition(".")
        if not is_inner(name):
            body[name] = value
        elif inner.startswith("coordinates.") and outer == "location":
            body.setdefault(outer, {}).setdefault("coordinates", {})[inner.partition(".")[2]] = value
        else:
            body.setdefault(outer, {})[inner] = value
    return body


def is_inner(name: str) -> bool:
    """Whether a field belongs to one of the two objects of a record."""
    return name.startswith(("location.", "customAttributes."))
