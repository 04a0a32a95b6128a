"""People: one call each, keyed by Email, with the links to companies in the same call."""

from collections.abc import Generator, Iterable, Sequence
from typing import Any, NamedTuple

from gainstage.destination import Exchange, Request, Response, Settled, Work
from gainstage.destinations.gainsight_cs.answers import (
    NO_COMPANY,
    FieldError,
    error_code,
    field_errors,
    is_value,
    read_answer,
    refusal,
)
from gainstage.destinations.gainsight_cs.calls import make, object_request, read
from gainstage.destinations.gainsight_cs.matching import find, keys_of
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.operation import Record
from gainstage.outcome import Delivered, Outcome, Rejected, Retry

LINK = "companies["


class Resolved(NamedTuple):
    """Companies by key with their GSIDs, or how the work ends without."""

    gsids: dict[str, str]
    failed: Settled | None = None


Resolving = Generator[Request | Settled, Response | None, Resolved]
Reading = Generator[Request | Settled, Response | None, dict[str, Any] | Outcome]


def exchange_people(settings: CsSettings, works: Sequence[Work]) -> Exchange:
    """One after the other: the synchronous API takes one person a call [documented]."""
    for index, work in enumerate(works):
        yield from upsert(settings, index, work)


def upsert(settings: CsSettings, index: int, work: Work) -> Exchange:
    """Create or update a person [documented: one call does both, resolved by Email]."""
    links = links_of(work)
    gsids = known_gsids(work, links)
    learnt: dict[Record, dict[str, Any] | None] = {}
    missing = [key for key in links if key not in gsids]
    if missing:
        resolved = yield from resolve(settings, index, work, missing)
        if resolved.failed is not None:
            yield resolved.failed
            return
        gsids |= resolved.gsids
        learnt |= facts(resolved.gsids)
    body = person_body(settings, work)
    exists = "Email" not in work.fields
    conditional = settings.if_empty.among(body)
    if conditional:
        stored = yield from read_stored(settings, index, work, sorted(conditional))
        if not isinstance(stored, dict):
            yield Settled(index, stored, learnt=learnt)
            return
        exists = bool(stored)
        kept = {name for name in conditional if stored.get(name) not in (None, "", [])}
        body = {name: value for name, value in body.items() if name not in kept}
    if exists and not body and not links:
        yield Settled(index, Delivered(), learnt=learnt)
        return
    response = yield from put(settings, index, work, body, links, gsids)
    outcome = read_answer(settings, response)
    if isinstance(outcome, Rejected) and links and error_code(response) == NO_COMPANY:
        yield from link_anew(settings, index, work, body, links, gsids, outcome)
        return
    if isinstance(outcome, Rejected):
        outcome = Rejected(outcome.code, outcome.detail, own_fields(work, field_errors(response)))
    yield Settled(index, outcome or Delivered(), learnt=learnt)


def link_anew(
    settings: CsSettings,
    index: int,
    work: Work,
    body: dict[str, Any],
    links: dict[str, dict[str, Any]],
    gsids: dict[str, str],
    refused: Rejected,
) -> Exchange:
    """A linked company does not exist: the GSID we knew is stale. Look the names up, and try once more."""
    resolved = yield from resolve(settings, index, work, list(links))
    if resolved.failed is not None:
        yield resolved.failed
        return
    if resolved.gsids == gsids:
        fields = tuple(f"{LINK}{key}]" for key in links)
        yield Settled(index, Rejected("refused", refused.detail, fields))
        return
    response = yield from put(settings, index, work, body, links, resolved.gsids)
    outcome = read_answer(settings, response)
    if isinstance(outcome, Rejected):
        outcome = Rejected(outcome.code, outcome.detail, own_fields(work, field_errors(response)))
    yield Settled(index, outcome or Delivered(), learnt=facts(resolved.gsids))


def put(
    settings: CsSettings,
    index: int,
    work: Work,
    body: dict[str, Any],
    links: dict[str, dict[str, Any]],
    gsids: dict[str, str],
) -> Generator[Request | Settled, Response | None, Response]:
    """The call."""
    said = content(work, body, links, gsids)
    return (yield from make(object_request(settings, "PUT", settings.people_path, said, (index,))))


def content(
    work: Work, body: dict[str, Any], links: dict[str, dict[str, Any]], gsids: dict[str, str]
) -> dict[str, Any]:
    """A person as sent. `companies` holds Company Person rows, `Company_ID` the GSID [seen in clients]."""
    said: dict[str, Any] = {"Email": work.record.key.removeprefix("email:"), **body}
    if links:
        rows: dict[str, dict[str, Any]] = {}
        for key, details in links.items():
            rows.setdefault(gsids[key], {"Company_ID": gsids[key]}).update(details)
        said["companies"] = list(rows.values())
    return said


def known_gsids(work: Work, links: Iterable[str]) -> dict[str, str]:
    """The GSIDs of linked companies that were told before, by key."""
    given = {key: work.after.get(Record("company", key), {}).get("gsid") for key in links}
    return {key: str(gsid) for key, gsid in given.items() if gsid}


def links_of(work: Work) -> dict[str, dict[str, Any]]:
    """Links to write: the company's key to the fields of the link.

    The link itself is `companies[name:Acme]`, a field of it `companies[name:Acme].Role`.
    """
    found: dict[str, dict[str, Any]] = {}
    for field, value in work.fields.items():
        if field.startswith(LINK):
            link, _, detail = (field[:-1], "", "") if field.endswith("]") else field.rpartition("].")
            details = found.setdefault(link.removeprefix(LINK), {})
            if detail:
                details[detail] = value
    return found


def own_fields(work: Work, errors: Sequence[FieldError]) -> tuple[str, ...]:
    """Fields that an answer complains about, by the names that the work has for them, also those of its
    links. Where several have a name, the refused value tells which; if it does not, none is accused.
    """
    found: list[str] = []
    for error in errors:
        of_links = (
            name for name in work.fields if name.startswith(LINK) and name.endswith(f"].{error.field}")
        )
        mine = [error.field] if error.field in work.fields else []
        mine += of_links
        if len(mine) > 1 and refusal(error.code) != "field_unknown":
            found += [name for name in mine if is_value(error, work.fields[name])]
        else:
            found += mine or [error.field]
    return tuple(dict.fromkeys(found))


def person_body(settings: CsSettings, work: Work) -> dict[str, Any]:
    """The person's own changed fields, but those that by now are never to be written; the e-mail is added
    from the key.
    """
    return {
        name: value
        for name, value in work.fields.items()
        if name != "Email" and not name.startswith(LINK) and name not in settings.never
    }


def facts(gsids: dict[str, str]) -> dict[Record, dict[str, Any] | None]:
    """What was learnt of companies."""
    return {Record("company", key): {"gsid": gsid} for key, gsid in gsids.items()}


def resolve(settings: CsSettings, index: int, work: Work, links: Sequence[str]) -> Resolving:
    """The GSIDs of linked companies. One that is not there is to be written first, again."""
    wanted = {key: keys_of(settings, work, Record("company", key)) for key in links}
    found = yield from find(settings, wanted, dict.fromkeys(links, index))
    gsids: dict[str, str] = {}
    for key, company in found.items():
        if company is None:
            outcome = Retry("record_gone", f"Gainsight no longer has the company {key.partition(':')[2]!r}.")
            return Resolved({}, Settled(index, outcome, learnt={Record("company", key): None}))
        if not isinstance(company, dict):
            return Resolved({}, Settled(index, company))
        gsids[key] = str(company["Gsid"])
    return Resolved(gsids)


def read_stored(settings: CsSettings, index: int, work: Work, select: Sequence[str]) -> Reading:
    """What Gainsight has of fields that may only be filled; empty for a new person.

    The read path answers for `person`, too [seen in clients].
    """
    email = work.record.key.removeprefix("email:")
    found = yield from read(settings, "person", ["Email", *select], "Email", [email], (index,))
    if not isinstance(found, list):
        return found
    mine = (row for row in found if str(row.get("Email", "")).strip().lower() == email)
    return next(mine, {})
