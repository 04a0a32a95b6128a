"""What must be true in the end: the outcome of each message, and what the tenant holds.

What is left open, and no more:

- a bad value that a newer one overtook may count as delivered;
- which of several values stays in a field that is only filled, once one was there first;
- whether a company without a name was met before or after the message that names it;
- of a message that failed by the person's half, whether the company's half had been written before;
- which of several namesakes a message means that says nothing but their name, before the second is there.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.properties.case import FLOATING, Case, Said
from tests.properties.events import DELIVERED, FAILED, FILTERED, PARKED, WORDS, Ended, judge_events
from tests.properties.firms import GSID, NAME
from tests.properties.reading import Heard, Key, hear
from tests.properties.tenant import Company, Holdings, differences, held, one_of
from tests.properties.transport import Broken, expect
from tests.properties.values import BAD, LINK, UNFIT, UNSAID, Value
from tests.properties.world import Tenancy

LINK_FIELDS = frozenset(field for field, _ in LINK.values())
MOST_READINGS = 20_000


@dataclass
class Oracle:
    """Judges a world that has been lived through."""

    tenancy: Tenancy

    def __post_init__(self) -> None:
        self.case: Case = self.tenancy.case
        self.heard = hear(self.case)
        self.rules: dict[str, str] = self.case.first["field_rules"]
        self.match: list[str] = self.case.first["company_match"]
        self.rows = {row["_firm"]: row for row in self.case.companies}
        self.ended: dict[Key, dict[str, Ended]] = defaultdict(dict)
        self.tenancy.open()
        try:
            for source, name, message_id, word, code, at_us, detail in self.tenancy.rows(
                "SELECT source.name, destination.name, message_id, word, delivery.code, at_us, "
                "delivery.detail FROM delivery JOIN event ON event.id = event_id "
                "JOIN source ON source.id = event.source_id "
                "JOIN destination ON destination.id = destination_id"
            ):
                at = (at_us - self.tenancy.clock.now_us()) / 1e6 + self.tenancy.seconds
                self.ended[(source, message_id)][name] = Ended(word, code, at, detail)
            self._look_for_leftovers()
        finally:
            self.tenancy.close()

    def judge(self) -> None:
        """Everything.

        Raises:
            Broken: with what is wrong.
        """
        self._expect_no_excess()
        for heard in self.heard:
            self._judge_outcome(heard)
        judge_events(self.tenancy, self.heard, self.ended)
        self._judge_state()

    def _look_for_leftovers(self) -> None:
        for table in ("operation", "lane", "joining"):
            left = self.tenancy.rows(f"SELECT * FROM {table}")
            expect(not left, f"left in {table}: {left[:3]}")
        leased = self.tenancy.rows("SELECT * FROM record WHERE leased_until_us > 0")
        expect(not leased, f"still leased: {leased[:3]}")
        silent = self.tenancy.rows(
            "SELECT event_id FROM delivery WHERE word > 0 AND (code = '' OR detail = '')"
        )
        expect(not silent, f"no reason is given for {silent}")

    def _expect_no_excess(self) -> None:
        expect(not self.tenancy.transport.limits.exceeded, "the tenant's limit was exceeded")

    # outcomes

    def _judge_outcome(self, heard: Heard) -> None:
        ended = self.ended[heard.key]
        wanted = {name for name, feeds in self.case.feeds.items() if heard.said.source in feeds}
        expect(set(ended) == wanted, f"{heard.said.message_id} met {set(ended)}, not {wanted}")
        for name, one in ended.items():
            allowed = self._allowed(heard)
            expect(
                (one.word, one.code) in allowed or (one.word, "") in allowed,
                f"{name}: {heard.said.kind} {heard.said.message_id} ended {WORDS[one.word]} ({one.code}: "
                f"{one.detail}), not one of {sorted((WORDS[word], code) for word, code in allowed)}",
            )

    def _allowed(self, heard: Heard) -> set[tuple[int, str]]:
        """The words, and codes where they matter, that a message may end with."""
        said = heard.said
        if said.kind in ("alias", "page"):
            return {(FILTERED, "type_unsupported")}
        if said.kind == "track":
            return self._allowed_event(said)
        if any(value.fate == UNFIT for value in said.values if self.rules.get(value.field) != "never"):
            return {(FAILED, "value_invalid")}
        if said.naming is not None and not self._keys(said):
            return {(FAILED, "key_missing"), (FAILED, "name_missing")}
        if not heard.email:
            return {(PARKED, "email_missing")}
        by_company = self._allowed_by_company(heard) if said.naming is not None else {(DELIVERED, "")}
        bad = [value for value in said.values if value.fate == BAD and self.rules.get(value.field) != "never"]
        if not bad:
            return by_company
        surely = [
            v for v in bad if self.rules.get(v.field) != "if_empty" and not self._is_overtaken(heard, v)
        ]
        refused = {
            (FAILED, code) for code in ("value_invalid", "field_unknown", "refused", "lookup_unmatched")
        }
        return (
            refused | {one for one in by_company if one[0] != DELIVERED} | (set() if surely else by_company)
        )

    def _is_known(self, one: Heard, heard: Heard) -> bool:
        """Whether what one message says of a company is known where another is sent."""
        at = min(ended.at for ended in self.ended[one.key].values() if ended.word == DELIVERED)
        return len(self.case.feeds) == 1 or at < heard.received

    def _keys(self, said: Said) -> set[tuple[str, str]]:
        assert said.naming is not None
        keys = {(kind, value[:15]) for kind, value in said.naming.keys.items() if kind in self.match}
        return keys | ({(NAME, said.naming.name)} if NAME in self.match and said.naming.name else set())

    def _allowed_event(self, said: Said) -> set[tuple[int, str]]:
        if said.track not in self.case.first["events"]:
            return {(FAILED, "event_unmapped")}
        attempts = [one for one in self.tenancy.transport.attempts if one.message_id == said.message_id]
        doubtful = self.tenancy.ends or any(one.ended != "no" for one in attempts)
        held_back = self.case.first["on_unknown"] == "hold" and doubtful
        return {(DELIVERED, "")} | ({(PARKED, "answer_lost")} if held_back else set())

    def _allowed_by_company(self, heard: Heard) -> set[tuple[int, str]]:
        """What the search for its company may come to."""
        naming = heard.said.naming
        assert naming is not None
        if naming.stray:
            return {(FAILED, "company_absent")}
        if naming.floating:
            return self._allowed_floating(heard)
        row = self.rows.get(naming.firm)
        if row is not None and self._keys(heard.said) & keys_of_row(row, self.match):
            return {(DELIVERED, "")}
        ours = [
            one for one in self.heard if one.said.naming is not None and one.said.naming.firm == naming.firm
        ]
        ours = [one for one in ours if not one.said.naming.floating and not one.said.naming.stray]  # type: ignore[union-attr]
        before = [
            one for one in ours if one.turn and heard.turn and one.turn < heard.turn and self._arrived(one)
        ]
        if not self.case.first["create_companies"]:
            missing = (FAILED, "company_absent")
            if row is None and (naming.firm not in self.case.sharing or FLOATING not in self.rows):
                return {missing}
            there = any(self._keys(one.said) & self._keys(heard.said) for one in before)
            return {(DELIVERED, "")} if there else {(DELIVERED, ""), missing}
        if naming.name:
            return {(DELIVERED, "")}
        missing = (FAILED, "name_missing")
        if row is None and not any(one.said.naming.name for one in ours if one.email):  # type: ignore[union-attr]
            return {missing}
        named = [one for one in before if one.said.naming.name and self._is_known(one, heard)]  # type: ignore[union-attr]
        if any(self._keys(one.said) & self._keys(heard.said) for one in named):
            return {(DELIVERED, "")}
        return {(DELIVERED, ""), missing}

    def _allowed_floating(self, heard: Heard) -> set[tuple[int, str]]:
        """By a name that several companies have, or will have."""
        modes = {"quarantine": (PARKED, "company_ambiguous"), "error": (FAILED, "company_duplicated")}
        mode = modes.get(self.case.first["company_on_ambiguous"], (DELIVERED, ""))
        known = self._known_namesakes(heard)
        if len(known) == 1:
            return self._allowed_of_first(known[0], heard)
        if sum(self._there_since(firm) < heard.received for firm in known) > 1:
            return {mode}
        found = {(DELIVERED, ""), mode}
        return found if self.case.first["create_companies"] else found | {(FAILED, "company_absent")}

    def _allowed_of_first(self, firm: int, heard: Heard) -> set[tuple[int, str]]:
        """A name means the only company that we know by it."""
        if self.case.first["create_companies"] or firm in self.rows:
            return {(DELIVERED, "")}
        return {(FAILED, "company_absent")}

    def _known_namesakes(self, heard: Heard) -> list[int]:
        """The namesakes of which messages told the name before this one was planned."""
        found = dict.fromkeys(
            other.said.naming.firm  # type: ignore[union-attr]
            for other in self.heard
            if other.turn and heard.turn and other.turn < heard.turn and self._tells_name(other)
        )
        return [firm for firm in found if firm in self.case.sharing]

    def _tells_name(self, heard: Heard) -> bool:
        naming, unfit = heard.said.naming, any(value.fate == UNFIT for value in heard.said.values)
        return (
            naming is not None
            and bool(naming.name)
            and not naming.floating
            and not naming.stray
            and not unfit
        )

    def _there_since(self, firm: int) -> float:
        """When a namesake was there at the latest, and known by its name."""
        times = [
            min(one.at for one in self.ended[heard.key].values() if one.word == DELIVERED)
            for heard in self.heard
            if self._means(heard, firm) and self._arrived(heard) and heard.said.naming.name  # type: ignore[union-attr]
        ]
        return min(times, default=float("inf"))

    def _means(self, heard: Heard, firm: int) -> bool:
        naming = heard.said.naming
        return naming is not None and naming.firm == firm and not naming.floating and not naming.stray

    def _is_there(self, firm: int) -> bool:
        return firm in self.rows or any(
            self._means(heard, firm) and (self._arrived(heard) or self._half_arrived(heard))
            for heard in self.heard
        )

    def _arrived(self, heard: Heard) -> bool:
        """Whether it counts as delivered, somewhere."""
        return any(one.word == DELIVERED for one in self.ended[heard.key].values())

    def _half_arrived(self, heard: Heard) -> bool:
        """Whether it failed by the person's half alone: the company's may have been written before."""
        if heard.said.naming is None or self._arrived(heard) or not heard.email:
            return False
        bad = [
            value
            for value in heard.said.values
            if value.fate == BAD and self.rules.get(value.field) != "never"
        ]
        mine = [v for v in bad if v.field not in LINK_FIELDS and self.rules.get(v.field) != "if_empty"]
        unfit = any(value.fate == UNFIT for value in heard.said.values)
        codes = {one.code for one in self.ended[heard.key].values()}
        absent = codes & {"company_absent", "name_missing", "company_ambiguous", "company_duplicated"}
        return (
            len(bad) > len(mine)
            and not unfit
            and not absent
            and all(self._is_overtaken(heard, v) for v in mine)
        )

    def _is_overtaken(self, heard: Heard, value: Value) -> bool:
        """Whether a newer value for its field counts."""
        return any(
            other.stamp > heard.stamp
            and self._same_record(other, heard, value)
            and any(one.field == value.field and one.fate == "" for one in other.said.values)
            and (self._arrived(other) or self._may_be_half(other))
            for other in self.heard
            if other is not heard
        )

    def _may_be_half(self, heard: Heard) -> bool:
        return any(value.fate == BAD and value.field in LINK_FIELDS for value in heard.said.values)

    def _same_record(self, one: Heard, other: Heard, value: Value) -> bool:
        mine, theirs = one.said.naming, other.said.naming
        if mine is None or theirs is None:
            return mine is theirs and one.email == other.email
        same = mine.firm == theirs.firm or (
            (mine.floating or theirs.floating) and {mine.firm, theirs.firm} <= set(self.case.sharing)
        )
        return same and (value.field not in LINK_FIELDS or one.email == other.email)

    # state

    def _judge_state(self) -> None:
        found = held(self.tenancy.sandbox, self.case)
        best: list[str] | None = None
        count = 0
        for wanted in self._readings():
            wrong = differences(wanted, found)
            if not wrong:
                return
            best = wrong if best is None or len(wrong) < len(best) else best
            count += 1
            if count > MOST_READINGS:
                break
        raise Broken(
            f"of {count} allowed states none is there; the nearest differs by: " + "; ".join((best or [])[:6])
        )

    def _readings(self) -> Iterable[Holdings]:
        """Every state that is allowed."""
        people = self._people()
        arrived = [heard for heard in self.heard if heard.said.naming is not None and self._arrived(heard)]
        sure = [heard for heard in arrived if not heard.said.naming.floating]  # type: ignore[union-attr]
        floating = [heard for heard in arrived if heard.said.naming.floating]  # type: ignore[union-attr]
        halves = [heard for heard in self.heard if self._half_arrived(heard)]
        sharing = [firm for firm in self.case.sharing if self._is_there(firm)]
        places = [self._known_namesakes(heard) for heard in floating]
        places = [known if len(known) == 1 else sharing or [FLOATING] for known in places]
        bare = [*sharing, FLOATING] if FLOATING in self.rows else [FLOATING]
        for taken in product((False, True), repeat=len(halves)):
            written = [heard for heard, is_in in zip(halves, taken, strict=True) if is_in]
            for owner, *chosen in product(bare, *places):
                members: dict[int, list[Heard]] = defaultdict(list)
                half: dict[int, list[Heard]] = defaultdict(list)
                for heard in sure:
                    members[heard.said.naming.firm].append(heard)  # type: ignore[union-attr]
                for heard in written:
                    half[heard.said.naming.firm].append(heard)  # type: ignore[union-attr]
                for heard, firm in zip(floating, chosen, strict=True):
                    members[firm].append(heard)
                yield self._holdings(people, members, half, owner)

    def _holdings(
        self,
        people: dict[str, dict[str, Any]],
        members: dict[int, list[Heard]],
        half: dict[int, list[Heard]],
        owner: int,
    ) -> Holdings:
        """With the row that nobody knows being `owner`'s."""
        rows = {owner if firm == FLOATING else firm: row for firm, row in self.rows.items()}
        companies = [
            self._company(firm, members.get(firm, []), half.get(firm, []), rows.get(firm, {}))
            for firm in sorted({*members, *half, *rows})
        ]
        return Holdings(people, companies)

    def _company(
        self, firm: int, members: Sequence[Heard], half: Sequence[Heard], row: dict[str, Any]
    ) -> Company:
        base = {name: value for name, value in row.items() if name not in ("_firm", "Gsid")}
        both = sorted((*members, *half), key=lambda heard: heard.stamp)
        fields = self._merged(base, both, lambda value: value.field not in LINK_FIELDS)
        for heard in both:
            for kind, value in heard.said.naming.keys.items():  # type: ignore[union-attr]
                if kind != GSID:
                    fields["SfdcAccountId" if kind == "sfdcAccountId" else kind] = value
        renames = [heard.said.naming.name for heard in both if self._renames(heard.said)]  # type: ignore[union-attr]
        if renames:
            fields["Name"] = renames[-1]
        elif not row:
            names = {
                heard.said.naming.name  # type: ignore[union-attr]
                for heard in self.heard
                if heard in both or self._means(heard, firm)
            }
            fields["Name"] = one_of(names - {""})
        links: dict[str, dict[str, Any]] = {}
        for email in {heard.email for heard in members}:
            mine = [heard for heard in sorted(members, key=lambda heard: heard.stamp) if heard.email == email]
            links[email] = self._merged({}, mine, lambda value: value.field in LINK_FIELDS)
        return Company(str(row.get("Gsid", "")), fields, links)

    def _renames(self, said: Said) -> bool:
        """Whether its name is a field like others: not where the company is known by nothing stronger."""
        assert said.naming is not None
        if not said.naming.name:
            return False
        kinds = [kind for kind in self.match if kind == NAME or kind in said.naming.keys]
        return kinds[0] != NAME

    def _people(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for row in self.case.people:
            found[row["Email"].lower()] = {name: value for name, value in row.items() if name != "Email"}
        arrived = [heard for heard in self.heard if heard.email and self._arrived(heard)]
        for heard in arrived:
            if heard.said.kind in ("identify", "group"):
                found.setdefault(heard.email, {})
        for email, base in found.items():
            mine = [heard for heard in arrived if heard.email == email and heard.said.kind == "identify"]
            mine.sort(key=lambda heard: heard.stamp)
            found[email] = self._merged(base, mine, lambda value: True)
        return found

    def _merged(self, base: dict[str, Any], heard: Sequence[Heard], mine: Any) -> dict[str, Any]:
        """Field by field the newest; of fields only filled, any that was said, unless one was there."""
        fields = dict(base)
        said: dict[str, list[Any]] = defaultdict(list)
        for one in heard:
            for value in one.said.values:
                if mine(value) and value.fate not in (BAD, UNFIT, UNSAID):
                    said[value.field].append(value.stored)
        for name, values in said.items():
            rule = self.rules.get(name, "always") if name not in LINK_FIELDS else "always"
            if rule == "always":
                fields[name] = values[-1]
            elif rule == "if_empty" and name not in base:
                fields[name] = one_of(values)
        return fields


def keys_of_row(row: dict[str, Any], match: Sequence[str]) -> set[tuple[str, str]]:
    """The keys by which a company can be found that the tenant had before."""
    stored = {
        GSID: row.get("Gsid"),
        NAME: row.get("Name"),
        "sfdcAccountId": str(row.get("SfdcAccountId", ""))[:15],
        "Ext__gc": row.get("Ext__gc"),
    }
    return {(kind, str(stored[kind])) for kind in match if stored.get(kind)}
