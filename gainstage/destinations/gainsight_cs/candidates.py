"""What there is at Gainsight for values whose look-up may have failed.

A refusal may name the field, the record's own field or neither, and does not tell none from several. So the
values are looked up by a read of our own, once a value. Companies can be read [documented]; whether users can
is not known: where they cannot, what the refusal itself says must do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gainstage.destination import CallFailed, Exchange
from gainstage.destinations.gainsight_cs.calls import read
from gainstage.destinations.gainsight_cs.lookups import (
    CANDIDATES_SHOWN,
    CSM,
    PARENT,
    Lookup,
    same,
    takes_first,
)
from gainstage.destinations.gainsight_cs.records import Item
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.outcome import Outcome


@dataclass
class Candidates:
    """What was read in one exchange."""

    settings: CsSettings
    #: By look-up and value: the GSIDs of what there is, or None where that could not be read.
    found: dict[tuple[Lookup, str], list[str] | None] = field(default_factory=dict)

    def ask(self, suspected: Mapping[Item, tuple[Lookup, ...]]) -> Exchange:
        """Read what is not known yet of the values of these records: one read an object."""
        for lookup in (CSM, PARENT):
            places: dict[str, list[int]] = {}
            for item, lookups in suspected.items():
                if lookup in lookups and (lookup, item.body[lookup.source]) not in self.found:
                    places.setdefault(item.body[lookup.source], []).append(item.place)
            if places:
                yield from self._read(lookup, places)

    def _read(self, lookup: Lookup, places: Mapping[str, list[int]]) -> Exchange:
        # E-mails in small letters, too: whether a read compares letter by letter is not known.
        values = sorted({spelt for value in places for spelt in lookup.spellings(value)})
        works = sorted({place for those in places.values() for place in those})
        rows: list[dict[str, object]] | Outcome | None
        try:
            rows = yield from read(
                self.settings, lookup.object_name, ["Gsid", lookup.by], lookup.by, values, works
            )
        except CallFailed:  # the write was refused already; this would only have told why
            rows = None
        for value in places:
            if isinstance(rows, list):
                mine = (row for row in rows if row.get("Gsid") and same(lookup, row.get(lookup.by), value))
                self.found[lookup, value] = list(dict.fromkeys(str(row["Gsid"]) for row in mine))
            else:
                self.found[lookup, value] = None

    def why_unmatched(self, lookup: Lookup, value: str, *, named: bool) -> str:
        """Why the look-up of a value fails, in a sentence; empty if it should not, or nobody knows.

        `named`: the refusal names it, which must do where Gainsight cannot be asked.
        """
        gsids = self.found.get((lookup, value))
        sought = f"{lookup.sought} {value!r:.200} (for the field {lookup.target})"
        if gsids is None:
            return f"Gainsight finds no single {sought}." if named else ""
        if not gsids:
            return f"Gainsight has no {sought}."
        if len(gsids) == 1 or takes_first(self.settings, lookup):
            return ""
        return f"Gainsight has more than one {sought}: {', '.join(gsids[:CANDIDATES_SHOWN])}."
