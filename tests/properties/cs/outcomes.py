"""How each message of a stream to Gainsight CS may end, and what that says of the companies that it names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.properties.cs.case import FLOATING, Case, Said
from tests.properties.cs.firms import GSID, NAME
from tests.properties.cs.reading import Heard, hear
from tests.properties.cs.values import LINK
from tests.properties.outcomes import DELIVERED, FAILED, FILTERED, PARKED, expect_one_of, read_outcomes
from tests.properties.values import BAD, UNFIT, Value
from tests.properties.world import Tenancy

LINK_FIELDS = frozenset(field for field, _ in LINK.values())


@dataclass
class Outcomes:
    """Judges how the messages of a world ended."""

    tenancy: Tenancy

    def __post_init__(self) -> None:
        self.case: Case = self.tenancy.case
        self.heard = hear(self.case)
        self.rules: dict[str, str] = self.case.first["field_rules"]
        self.match: list[str] = self.case.first["company_match"]
        self.rows = {row["_firm"]: row for row in self.case.companies}
        self.ended = read_outcomes(self.tenancy)

    def judge_outcome(self, heard: Heard) -> None:
        """Raise Broken where a message ended as it may not."""
        ended = self.ended.get(heard.key, {})
        allowed = dict.fromkeys(ended, self._allowed(heard))
        expect_one_of(heard.said, ended, self.case.feeds, allowed)

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
            one for one in ours if one.turn and heard.turn and one.turn < heard.turn and self.arrived(one)
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
        known = self.known_namesakes(heard)
        if len(known) == 1:
            return self._allowed_of_first(known[0], heard)
        if sum(self._there_since(firm) < heard.received for firm in known) > 1:
            return {mode}
        found = {(DELIVERED, ""), mode}
        return found if self.case.first["create_companies"] else found | {(FAILED, "company_absent")}

    def _allowed_of_first(self, firm: int, heard: Heard) -> set[tuple[int, str]]:
        """A name means the only company that we know by it; one that is not there and is not to be made
        leaves the name to another that the tenant has.
        """
        if self.case.first["create_companies"] or firm in self.rows:
            return {(DELIVERED, "")}
        return {(FAILED, "company_absent")} | ({(DELIVERED, "")} if self.rows_sharing else set())

    @property
    def rows_sharing(self) -> list[int]:
        """The companies that share their name and were there before."""
        return [firm for firm in self.case.sharing if firm in self.rows]

    def known_namesakes(self, heard: Heard) -> list[int]:
        """The namesakes of which messages told the name before this one was planned."""
        found = dict.fromkeys(
            other.said.naming.firm  # type: ignore[union-attr]
            for other in self.heard
            if other.turn and heard.turn and other.turn < heard.turn and self._tells_name(other)
        )
        return [firm for firm in found if firm in self.case.sharing]

    def name_was_free(self) -> bool:
        """Whether no message that has nothing but the name of several was planned before one told whose it
        is: from then on the name is known by itself.
        """
        told = [one.turn for one in self.heard if one.turn and self._tells_name(one)]
        floating = [
            one.turn for one in self.heard if one.said.naming and one.said.naming.floating and one.turn
        ]
        return not (told and floating) or min(told) <= min(floating)

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
            if self.means(heard, firm) and self.arrived(heard) and heard.said.naming.name  # type: ignore[union-attr]
        ]
        return min(times, default=float("inf"))

    def means(self, heard: Heard, firm: int) -> bool:
        naming = heard.said.naming
        return naming is not None and naming.firm == firm and not naming.floating and not naming.stray

    def is_there(self, firm: int) -> bool:
        return firm in self.rows or any(
            self.means(heard, firm) and (self.arrived(heard) or self.half_arrived(heard))
            for heard in self.heard
        )

    def arrived(self, heard: Heard) -> bool:
        """Whether it counts as delivered, somewhere."""
        return any(one.word == DELIVERED for one in self.ended[heard.key].values())

    def half_arrived(self, heard: Heard) -> bool:
        """Whether it failed by the person's half alone: the company's may have been written before."""
        if heard.said.naming is None or self.arrived(heard) or not heard.email:
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
            and (self.arrived(other) or self._may_be_half(other))
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


def keys_of_row(row: dict[str, Any], match: Sequence[str]) -> set[tuple[str, str]]:
    """The keys by which a company can be found that the tenant had before."""
    stored = {
        GSID: row.get("Gsid"),
        NAME: row.get("Name"),
        "sfdcAccountId": str(row.get("SfdcAccountId", ""))[:15],
        "Ext__gc": row.get("Ext__gc"),
    }
    return {(kind, str(stored[kind])) for kind in match if stored.get(kind)}
