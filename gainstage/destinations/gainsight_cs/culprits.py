"""Which records of a refused write are at fault, as far as the answer tells. Pure."""

from collections.abc import Iterable
from typing import Any

from gainstage.destination import Response, Settled
from gainstage.destinations.gainsight_cs.answers import (
    NO_MATCH,
    FieldError,
    error_code,
    field_errors,
    is_value,
    refusal,
    said,
)
from gainstage.destinations.gainsight_cs.lookups import Lookup
from gainstage.destinations.gainsight_cs.records import Item
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.outcome import Rejected, Retry


def refuse_one(item: Item, response: Response, outcome: Rejected) -> Settled:
    """The outcome of a record that was refused alone, while nothing tells which of its values is at fault.

    That nothing matches can be about the GSID; of one that was told just now, only about the look-ups.
    """
    looked_up = " and ".join(
        f"{lookup.target} by {item.body[lookup.source]!r:.200}" for lookup in item.lookups
    )
    detail = f"{outcome.detail} Looked up: {looked_up}." if looked_up else outcome.detail
    if error_code(response) != NO_MATCH or not (item.gsid or item.lookups):
        return Settled(item.place, Rejected(outcome.code, detail, own_fields(item, outcome.fields)))
    if item.lookups and (item.fresh or not item.gsid):
        fields = tuple(lookup.target for lookup in item.lookups)
        return Settled(item.place, Rejected("lookup_unmatched", detail, fields))
    return gone(item.place, outcome.detail)


def culprits(settings: CsSettings, items: list[Item], response: Response) -> dict[int, Settled]:
    """The records that carry a value which the answer names with its field."""
    found: dict[int, Settled] = {}
    errors = field_errors(response)
    for item in items:
        values = item.values
        mine = [error for error in errors if is_about(error, values)]
        looked_up = lookup_fields(item)
        unmatched = {error.field for error in mine if error.code == NO_MATCH}
        if unmatched - looked_up.keys() and item.gsid:
            found[item.place] = gone(item.place, "No company matches the GSID any more.")
        elif mine:
            text = "; ".join(f"{error.field}: {error.message or error.code}" for error in mine)
            code = (
                "lookup_unmatched"
                if unmatched & looked_up.keys()
                else refusal(mine[0].code or error_code(response))
            )
            fields = own_fields(item, [error.field for error in mine])
            found[item.place] = Settled(
                item.place, Rejected(code, f"{text} ({said(settings, response)})", fields)
            )
    return found


def accused_lookups(item: Item, response: Response) -> tuple[Lookup, ...]:
    """The look-ups of a record that the answer complains about, by target or source."""
    errors = (error for error in field_errors(response) if refusal(error.code) != "field_unknown")
    about = {error.field for error in errors if is_about(error, item.values)}
    return tuple(lookup for lookup in item.lookups if about & {lookup.target, lookup.source})


def lookup_fields(item: Item) -> dict[str, str]:
    """Targets and sources of a record's look-ups, each with the target."""
    return {name: lookup.target for lookup in item.lookups for name in (lookup.target, lookup.source)}


def own_fields(item: Item, fields: Iterable[str]) -> tuple[str, ...]:
    """Fields that an answer names, by the names that the work has for them."""
    targets = lookup_fields(item)
    return tuple(dict.fromkeys(targets.get(name, name) for name in fields))


def is_about(error: FieldError, body: dict[str, Any]) -> bool:
    """Whether a complaint is about this record: it has the field, with the value that was refused.

    An unknown field needs no value to be named: every record that carries it is refused.
    """
    if error.field not in body:
        return False
    if refusal(error.code) == "field_unknown":
        return True
    return is_value(error, body[error.field])


def gone(index: int, sentence: str) -> Settled:
    """A GSID that Gainsight no longer has: forget it, look the company up again."""
    return Settled(index, Retry("record_gone", sentence), {"gsid": None})
