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
from itertools import product
from typing import Any

from tests.properties.cs.case import FLOATING, Said
from tests.properties.cs.events import judge_events
from tests.properties.cs.firms import GSID, NAME
from tests.properties.cs.outcomes import LINK_FIELDS, Outcomes
from tests.properties.cs.reading import Heard
from tests.properties.cs.tenant import Company, Holdings, differences, held, one_of
from tests.properties.transport import Broken
from tests.properties.values import BAD, UNFIT, UNSAID
from tests.properties.world import Tenancy

MOST_READINGS = 20_000


def judge(tenancy: Tenancy) -> None:
    """Judge a world that has been lived through.

    Raises:
        Broken: with what is wrong.
    """
    Oracle(tenancy).judge()


class Oracle(Outcomes):
    """Judges outcomes, events, and what the tenant holds."""

    def judge(self) -> None:
        """Everything.

        Raises:
            Broken: with what is wrong.
        """
        for heard in self.heard:
            self.judge_outcome(heard)
        judge_events(self.tenancy, self.heard, self.ended)
        self._judge_state()

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
        arrived = [heard for heard in self.heard if heard.said.naming is not None and self.arrived(heard)]
        sure = [heard for heard in arrived if not heard.said.naming.floating]  # type: ignore[union-attr]
        floating = [heard for heard in arrived if heard.said.naming.floating]  # type: ignore[union-attr]
        halves = [heard for heard in self.heard if self.half_arrived(heard)]
        sharing = [firm for firm in self.case.sharing if self.is_there(firm)]
        places = [self.known_namesakes(heard) for heard in floating]
        made = self.case.first["create_companies"]
        bare = [*sharing, FLOATING] if FLOATING in self.rows else [FLOATING]
        namesakes = bare if FLOATING in self.rows else sharing or bare
        free = self.name_was_free()
        places = [
            known if len(known) == 1 and free and (made or known[0] in self.rows) else namesakes
            for known in places
        ]
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
                    members[owner if firm == FLOATING else firm].append(heard)
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
                if heard in both or self.means(heard, firm)
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
        arrived = [heard for heard in self.heard if heard.email and self.arrived(heard)]
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
