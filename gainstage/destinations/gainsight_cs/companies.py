"""Companies: looked up by their keys, many at once; unknown ones inserted, known ones updated, in batches.

The API has no upsert for companies [derived]. An insert is refused as a whole if one record of it is bad, and
is not safe to repeat; so a company without a known GSID is always looked up first, also after a lost answer.
Nothing says that names are unique. Updates go by GSID: it meets exactly one record, and a company that is
known by its name only and was renamed at Gainsight keeps its new name.
"""

import contextlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gainstage.destination import OTHERS, CallFailed, Exchange, Request, Response, Settled, Work
from gainstage.destinations.gainsight_cs.answers import read_answer, said, written
from gainstage.destinations.gainsight_cs.calls import COMPANY_PATH, make, object_request, read
from gainstage.destinations.gainsight_cs.candidates import Candidates
from gainstage.destinations.gainsight_cs.culprits import accused_lookups, culprits, gone, refuse_one
from gainstage.destinations.gainsight_cs.lookups import CSM, PARENT, Lookup, block, with_sources
from gainstage.destinations.gainsight_cs.mapping import EXISTS
from gainstage.destinations.gainsight_cs.matching import CLAIM, Row, find, keys_of, told_by, value_of
from gainstage.destinations.gainsight_cs.records import Item, batches, by_shape, waves
from gainstage.destinations.gainsight_cs.settings import GSID, NAME, CsSettings
from gainstage.outcome import Blocked, Delivered, Outcome, Rejected, Retry, Throttled

#: Companies of one exchange: one look-up, and enough of each shape to fill batches.
COMPANIES_A_LOOK_UP = 200
#: Fields of ours that Gainsight is not told.
UNSENT = frozenset({EXISTS, CLAIM})
#: The fact that the GSID was told and nothing was written since: it is no reason for a refusal.
FRESH = "fresh"
#: How often the probably good records of a batch go together while bad ones are sought; each time costs one
#: call for one record found.
ROUNDS_SET_ASIDE = 2

Refused = Generator[Request | Settled, Response | None, bool]
Items = Generator[Request | Settled, Response | None, list[Item]]


def name_of(settings: CsSettings, work: Work) -> str:
    """A company's name: the one in its keys, else as it is known, or said by an older event that waits;
    empty where there is none.
    """
    keys = keys_of(settings, work)
    given = (values.get(field) for values in (work.known, work.behind) for field in ("Name", EXISTS))
    return keys[NAME][0] if NAME in keys else next(filter(None, (value_of(NAME, one) for one in given)), "")


def exchange_companies(settings: CsSettings, works: Sequence[Work]) -> Exchange:
    """Look up what is not known, then write what there is to write."""
    gsids: dict[int, str] = {i: str(w.facts["gsid"]) for i, w in enumerate(works) if w.facts.get("gsid")}
    unknown = [index for index in range(len(works)) if index not in gsids]
    stored: dict[int, Row] = {}
    absent: list[int] = []
    settled: set[int] = set()
    for index, gsid in gsids.items():
        claim = works[index].fields.get(CLAIM, gsid)
        if claim != gsid and settings.company_kinds[0] == GSID:
            settled.add(index)
            sentence = f"Gainsight has no company with the GSID {claim}."
            yield Settled(index, Rejected("company_absent", sentence, (CLAIM,)))
    rules = settings.if_empty
    if unknown:
        wanted = {index: keys_of(settings, works[index]) for index in unknown}
        select = sorted(rules.among(name for index in unknown for name in works[index].fields))
        others = {index: works[index].facts.get(OTHERS, ()) for index in unknown}
        answers = yield from find(
            settings, wanted, {index: index for index in unknown}, select, others=others
        )
        for index, answer in answers.items():
            if answer is None:
                absent.append(index)
            elif not isinstance(answer, dict):
                settled.add(index)
                yield Settled(index, answer)
            elif settings.several_keys:  # another record may be the same company: then they go as one
                settled.add(index)
                told, apart = told_by(settings, wanted[index], answer)
                found = Retry("queued", "Found at Gainsight.", 0.0)
                facts = {"gsid": str(answer["Gsid"]), FRESH: True}
                yield Settled(index, found, facts, keys=told, apart=apart)
            else:
                gsids[index], stored[index] = str(answer["Gsid"]), answer
    conditional = [i for i in gsids if i not in stored and i not in settled and rules.among(works[i].fields)]
    if conditional:
        yield from read_stored(settings, works, conditional, gsids, stored, settled)
    writing = Writing(settings)
    items = []
    for index, gsid in gsids.items():
        if index in settled:
            continue
        body = update_body(settings, works[index], stored.get(index, {}))
        if body:
            sent, lookups = with_sources(settings, body)
            name = name_of(settings, works[index])
            fresh = index in stored or bool(works[index].facts.get(FRESH))
            again = confirmed_values(settings, works[index])
            items.append(Item(index, name, gsid, {"Gsid": gsid, **sent}, lookups, fresh, again))
        else:
            yield Settled(index, Delivered(), {"gsid": gsid})
    items += yield from new_items(settings, works, absent)
    for wave in waves(items):
        for batch in batches(wave):
            yield from writing.write_all(batch)
    yield from writing.name_inserts()


def new_items(settings: CsSettings, works: Sequence[Work], absent: Iterable[int]) -> Items:
    """The companies to insert, as far as they may and can be. Those of one name go one after the other: the
    answer to an insert may tell them by nothing else.
    """
    items: dict[str, Item] = {}
    for index in absent:
        work = works[index]
        name, keys = name_of(settings, work), keys_of(settings, work)
        shown = f"named {name!r}" if name else f"with the key {work.record.key!r}"
        if GSID in keys:
            sentence = f"Gainsight has no company with the GSID {keys[GSID][0]}."
            yield Settled(index, Rejected("company_absent", sentence, (CLAIM,)))
        elif not settings.create_companies:
            yield Settled(index, Rejected("company_absent", f"Gainsight has no company {shown}."))
        elif not name:
            sentence = f"Gainsight has no company {shown}, and a new one needs a name."
            # None of its events has a name, so it need not be sought which of them is at fault.
            yield Settled(index, Rejected("name_missing", sentence, (EXISTS,)))
        elif name in items:
            yield Settled(index, Retry("queued", f"Another company named {name!r} goes first.", 0.0))
        else:
            sent, lookups = with_sources(settings, insert_body(settings, work))
            items[name] = Item(index, name, "", {**sent, "Name": name}, lookups, keys=keys)
    return list(items.values())


def update_body(settings: CsSettings, work: Work, stored: dict[str, Any]) -> dict[str, Any]:
    """The changed fields without those that Gainsight has and we may only fill; and without the name, where
    that is what it was found by.
    """
    rules = settings.if_empty
    return {
        name: value
        for name, value in work.fields.items()
        if name not in UNSENT
        and (name != "Name" or settings.several_keys)
        and name not in settings.never
        and not (name in rules and stored.get(name) not in (None, "", []))
    }


def confirmed_values(settings: CsSettings, work: Work) -> dict[str, Any]:
    """What may be written once more, so that a batch has one set of fields: no name that is a key, nothing
    that is looked up, nothing that we may only fill.
    """
    left_out = {*UNSENT, CSM.target, PARENT.target, *work.fields}
    if not settings.several_keys:
        left_out.add("Name")
    left_out |= settings.if_empty.among(work.known) | settings.never.among(work.known)
    return {name: value for name, value in work.known.items() if name not in left_out}


def insert_body(settings: CsSettings, work: Work) -> dict[str, Any]:
    """Every value known, but those that by now are never to be written."""
    values = {**work.known, **work.fields}
    return {
        name: value for name, value in values.items() if name not in UNSENT and name not in settings.never
    }


def read_stored(
    settings: CsSettings,
    works: Sequence[Work],
    indexes: Sequence[int],
    gsids: dict[int, str],
    stored: dict[int, dict[str, Any]],
    settled: set[int],
) -> Exchange:
    """What Gainsight has of fields that may only be filled."""
    select = sorted(settings.if_empty.among(name for index in indexes for name in works[index].fields))
    wanted = sorted({gsids[index] for index in indexes})
    found = yield from read(settings, "Company", ["Gsid", *select], "Gsid", wanted, indexes)
    if not isinstance(found, list):
        for index in indexes:
            settled.add(index)
            yield Settled(index, found)
        return
    by_gsid = {str(row.get("Gsid")): row for row in found}
    for index in indexes:
        if gsids[index] in by_gsid:
            stored[index] = by_gsid[gsids[index]]
        else:
            settled.add(index)
            yield gone(index, "The company's GSID is no longer there.")


@dataclass
class Writing:
    """The writes of one exchange. Once the vendor stops us (credentials, limit), nothing more is asked."""

    settings: CsSettings
    stopped: Outcome | None = None
    #: Inserted, but told by no name yet; whether the answer's count confirmed the whole batch.
    unnamed: dict[Item, bool] = field(default_factory=dict)
    #: Probably good: written once the bad record of their batch is found.
    aside: list[Item] = field(default_factory=list)
    rounds: int = 0
    candidates: Candidates = field(init=False)

    def __post_init__(self) -> None:
        """What is found out about look-ups holds for the exchange."""
        self.candidates = Candidates(self.settings)

    def write_all(self, items: list[Item]) -> Exchange:
        """Write a batch, and what was set aside while a bad record of it was sought."""
        self.rounds, waiting = 0, [items]
        while waiting:
            for batch in waiting:
                yield from self.write(batch)
            waiting, self.aside = list(by_shape(self.aside)), []
            self.rounds += 1

    def write(self, items: list[Item], *, surely_bad: bool = False) -> Refused:
        """Write a batch and settle its items; tells whether one of them was refused.

        `surely_bad`: a refused record must be among them, so they are not tried as a whole again.
        """
        if self.stopped is not None:
            for item in items:
                yield Settled(item.place, self.stopped)
            return False
        if surely_bad and len(items) > 1:
            yield from self.halve(items)
            return True
        inserting = not items[0].gsid
        method, path = ("POST", COMPANY_PATH) if inserting else ("PUT", f"{COMPANY_PATH}?keys=Gsid")
        body: dict[str, Any] = {"records": [item.body for item in items]}
        if items[0].lookups:
            body["lookups"] = block(self.settings, items[0].lookups)
        indexes = [item.place for item in items]
        request = object_request(self.settings, method, path, body, indexes, repeatable=not inserting)
        response = yield from make(request)
        outcome = read_answer(self.settings, response)
        if outcome is None:
            yield from (
                self.confirm_inserts(items, response) if inserting else confirm_updates(items, response)
            )
            return False
        if isinstance(outcome, Rejected) and any(item.plain for item in items):
            return (yield from self.write_plain(items))
        if isinstance(outcome, Rejected):
            yield from self.narrow(items, response, outcome)
            return True
        if isinstance(outcome, Blocked | Throttled):
            self.stopped = outcome
        for item in items:
            yield Settled(item.place, outcome)
        return False

    def write_plain(self, items: list[Item]) -> Refused:
        """What only goes along may be what was refused, and no event is at fault for it: write without."""
        refused = False
        for batch in by_shape(item.plain or item for item in items):
            refused |= yield from self.write(batch)
        return refused

    def narrow(self, items: list[Item], response: Response, outcome: Rejected) -> Exchange:
        """A batch was refused as a whole: find the bad records by field and value, else by what their
        look-ups would find, else by halving.
        """
        guilty = culprits(self.settings, items, response)
        named = bool(guilty)
        suspected = {item: accused_lookups(item, response) if named else item.lookups for item in items}
        unmatched = yield from self.unmatched(suspected, response, named=named)
        if named or len(items) == 1:
            guilty |= unmatched
            if not guilty:
                guilty = {items[0].place: refuse_one(items[0], response, outcome)}
            yield from guilty.values()
            rest = [item for item in items if item.place not in guilty]
            if rest:
                yield from self.write(rest)
        elif 0 < len(unmatched) < len(items):  # written apart, not refused: Gainsight may compare otherwise
            yield from self.write([item for item in items if item.place not in unmatched])
            yield from self.write([item for item in items if item.place in unmatched])
        else:
            yield from self.halve(items)

    def unmatched(
        self, suspected: Mapping[Item, tuple[Lookup, ...]], response: Response, *, named: bool
    ) -> Generator[Request | Settled, Response | None, dict[int, Settled]]:
        """Those of whose suspected look-ups one has no single match, as far as Gainsight can be asked; where
        it cannot, those that the refusal names.
        """
        yield from self.candidates.ask(suspected)
        told, found = said(self.settings, response), {}
        for item, lookups in suspected.items():
            why = {
                lookup.target: self.candidates.why_unmatched(lookup, item.body[lookup.source], named=named)
                for lookup in lookups
            }
            fields = tuple(target for target, sentence in why.items() if sentence)
            if fields:
                detail = f"{' '.join(why[target] for target in fields)} ({told})"
                found[item.place] = Settled(item.place, Rejected("lookup_unmatched", detail, fields))
        return found

    def halve(self, items: list[Item]) -> Exchange:
        """Write one half. If it is good, the bad record is in the other; if it is not, the other half is set
        aside: it is good unless two records are bad, and goes with the good ones of further halves. After
        some rounds of that there are many bad ones: then one half after the other costs less.
        """
        middle = (len(items) + 1) // 2
        refused = yield from self.write(items[:middle])
        if refused and self.rounds < ROUNDS_SET_ASIDE:
            self.aside.extend(items[middle:])
        else:
            yield from self.write(items[middle:], surely_bad=not refused)

    def confirm_inserts(self, items: list[Item], response: Response) -> Iterable[Settled]:
        """Each record by its name. The documented answer lists GSIDs alone, and places mean nothing.

        What cannot be told by its name waits for one look-up at the end.
        """
        count, records = written(response)
        gsids = {str(r["Name"]).strip(): str(r["Gsid"]) for r in records if r.get("Gsid") and r.get("Name")}
        if len(items) == len(records) == 1 and records[0].get("Gsid"):
            gsids[items[0].name] = str(records[0]["Gsid"])
        whole = count == len(items) or len(records) == len(items)
        for item in items:
            if item.name in gsids:
                yield Settled(item.place, Delivered(), {"gsid": gsids[item.name]})
            else:
                self.unnamed[item] = whole

    def name_inserts(self) -> Exchange:
        """Ask once for the GSIDs of what was inserted. What a count confirmed is there also without one."""
        if not self.unnamed:
            return
        wanted = {item.place: {**item.keys, NAME: (item.name,)} for item in self.unnamed}
        found: dict[int, Row | Outcome | None] = {}
        with contextlib.suppress(CallFailed):
            found = yield from find(self.settings, wanted, {place: place for place in wanted}, only=NAME)
        for item, whole in self.unnamed.items():
            row = found.get(item.place)
            if isinstance(row, dict):
                yield Settled(item.place, Delivered(), {"gsid": str(row["Gsid"])})
            elif whole:
                yield Settled(item.place, Delivered())
            else:
                sentence = "Gainsight confirms fewer companies than were sent."
                yield Settled(item.place, Retry("vendor_error", sentence))


def forgotten(item: Item) -> dict[str, Any]:
    """What is a fact no more once the company was written."""
    return {FRESH: None} if item.fresh else {}


def confirm_updates(items: list[Item], response: Response) -> Iterable[Settled]:
    """Each record by its GSID; one that is not among the answer's records was not there to be updated."""
    count, records = written(response)
    seen = {str(record.get("Gsid")) for record in records}
    for item in items:
        if item.gsid in seen or (not records and count == len(items)):
            yield Settled(item.place, Delivered(), {"gsid": item.gsid, **forgotten(item)})
        else:
            yield gone(item.place, "Gainsight's answer to the update does not list the company.")
