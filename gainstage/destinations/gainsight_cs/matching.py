"""Which company at Gainsight a record is: by the keys of `company_match`, the strongest first.

A row that has another value of a stronger key is another company, whatever else matches. Several that match
by one key are for `company_on_ambiguous` to decide. Look-ups go key by key, many companies a call: whether a
query may join conditions by OR is not documented.
"""

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from gainstage.destination import Request, Response, Settled, Work
from gainstage.destinations.gainsight_cs.calls import read
from gainstage.destinations.gainsight_cs.lookups import CANDIDATES_SHOWN
from gainstage.destinations.gainsight_cs.settings import GSID, NAME, SFDC, CsSettings
from gainstage.mapping import text
from gainstage.operation import Record
from gainstage.outcome import Outcome, Parked, Rejected

#: 15 characters that tell letter case apart, or these and a checksum of three [documented: both are taken].
SFDC_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
SFDC_CHARACTERS = 15
CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

#: The GSID that an event says the company has, as a field of it that is never sent. What is wrong with it is
#: that event's fault, and not of others that mean the company by other keys.
CLAIM = "[gsid]"

Keys = Mapping[str, Sequence[str]]
"""Values by kind: what stands before the colon of a key, and what after it."""

Name = TypeVar("Name", bound=int | str)
Row = dict[str, Any]
Found = Generator[Request | Settled, Response | None, dict[Name, Row | Outcome | None]]


def field_of(kind: str) -> str:
    """The field of Company that holds a key."""
    return {GSID: "Gsid", NAME: "Name"}.get(kind, kind)


def value_of(kind: str, given: Any) -> str:
    """A key's value as it is compared; empty where it is none. Of Salesforce ids the short form."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return ""
    value = text(given).strip()
    return value[:SFDC_CHARACTERS] if kind == SFDC and SFDC_ID.fullmatch(value) else value


def spellings(kind: str, value: str) -> tuple[str, ...]:
    """A key's value as it may be stored."""
    if kind != SFDC or not SFDC_ID.fullmatch(value):
        return (value,)
    blocks = (value[start : start + 5] for start in range(0, SFDC_CHARACTERS, 5))
    bits = (sum((letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ") << n for n, letter in enumerate(b)) for b in blocks)
    return (value, value + "".join(CHECKSUM[number] for number in bits))


def keys_of(settings: CsSettings, work: Work, company: Record | None = None) -> dict[str, tuple[str, ...]]:
    """The keys of a work's company, or of one that it links to. What is known of a field now goes before
    keys of old: a company may have had other names. A GSID counts where this work's events give it, or where
    nothing else is known.
    """
    keys = work.keys_of(company or work.record)
    found: dict[str, tuple[str, ...]] = {}
    for kind in dict.fromkeys((*settings.company_kinds, keys[0].partition(":")[0])):
        now = work.fields.get(CLAIM) if kind == GSID else work.known.get(field_of(kind))
        known = "" if company else value_of(kind, now)
        values = (
            (known,) if known else tuple(k.removeprefix(f"{kind}:") for k in keys if k.startswith(f"{kind}:"))
        )
        if values:
            found[kind] = values
    if len(found) > 1 and (company or CLAIM not in work.fields):
        found.pop(GSID, None)
    return found


def find(
    settings: CsSettings,
    wanted: Mapping[Name, Keys],
    works: Mapping[Name, int],
    select: Iterable[str] = (),
    *,
    only: str = "",
    others: Mapping[Name, Sequence[str]] | None = None,
) -> Found[Name]:
    """Per name the company's row, None where there is none, or why that is not known; by all their keys, or
    by those of `only` one kind: then the row has all the stronger ones, too. `others` are known not to be it.
    """
    found: dict[Name, Row | Outcome | None] = dict.fromkeys(wanted)
    kinds = {only} if only else {kind for keys in wanted.values() for kind in keys}
    ordered = sorted(kinds, key=lambda kind: (strength(settings, kind), kind))
    fields = dict.fromkeys(("Gsid", "Name", *map(field_of, settings.company_kinds), *select))
    for kind in ordered:
        sought = {name: keys for name, keys in wanted.items() if found[name] is None and keys.get(kind)}
        if not sought:
            continue
        values = sorted({s for keys in sought.values() for v in keys[kind] for s in spellings(kind, v)})
        indexes = sorted({works[name] for name in sought})
        rows = yield from read(settings, "Company", list(fields), field_of(kind), values, indexes)
        if not isinstance(rows, list):
            return found | dict.fromkeys((name for name in wanted if found[name] is None), rows)
        for name, keys in sought.items():
            not_it = {key.partition(":")[2] for key in (others or {}).get(name, ())}
            mine = (row for row in rows if row.get("Gsid") not in not_it)
            found[name] = choose(settings, keys, kind, mine, whole=bool(only))
    return found


def told_by(settings: CsSettings, keys: Keys, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the kinds that are stronger than the key by which a row was found: the keys that it has, and all
    those kinds. They tell companies of that key apart.
    """
    by = min(strength(settings, kind) for kind in keys if has(row, kind, keys[kind]))
    kinds = tuple(kind for kind in settings.company_kinds[:by] if kind != GSID)
    values = ((kind, value_of(kind, row.get(field_of(kind)))) for kind in kinds)
    return tuple(f"{kind}:{value}" for kind, value in values if value), kinds


def choose(
    settings: CsSettings, keys: Keys, kind: str, rows: Iterable[Row], *, whole: bool = False
) -> Row | Outcome | None:
    """The one company that has this key. Values compare exactly, trimmed, whatever the query matched.

    `whole`: it has the stronger ones, too, but those that we never write.
    """
    stronger = [other for other in keys if strength(settings, other) < strength(settings, kind)]
    matches: dict[str, Row] = {}
    for row in rows:
        if (
            row.get("Gsid")
            and has(row, kind, keys[kind])
            and not any(
                (row.get(field_of(other)) or (whole and other not in settings.never))
                and not has(row, other, keys[other])
                for other in stronger
            )
        ):
            matches.setdefault(str(row["Gsid"]), row)
    if len(matches) <= 1 or settings.company_on_ambiguous == "first":
        return next(iter(matches.values()), None)
    shown = ", ".join(list(matches)[:CANDIDATES_SHOWN])
    value = keys[kind][0]
    told = f"are named {value!r}" if kind == NAME else f"have the {field_of(kind)} {value!r}"
    sentence = f"{len(matches)} companies {told}: {shown}."
    if settings.company_on_ambiguous == "error":
        return Rejected("company_duplicated", sentence)
    return Parked("company_ambiguous", sentence)


def has(row: Row, kind: str, values: Sequence[str]) -> bool:
    """Whether a row has one of the values of a key."""
    return value_of(kind, row.get(field_of(kind))) in values


def strength(settings: CsSettings, kind: str) -> int:
    """The place of a kind in `company_match`; the smaller the stronger."""
    kinds = settings.company_kinds
    return kinds.index(kind) if kind in kinds else len(kinds)
