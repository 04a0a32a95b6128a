"""The companies of a world, and by which keys its messages name them.

Whether two messages mean one company must be known to somebody: to an earlier message, to the tenant, or by a
key that all of them have. So each company is named in one of these manners:

- anchored: every message has one key in common; others come and go, and where that key is the stronger one,
  so do names;
- bridged: the first message has all keys, later ones any of them;
- late: at first messages have either the name or another key, then one has all, then they have any of them;
- namesake: it shares its name with others. Its messages have its strongest key, or the name alone.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

GSID, SFDC, EXT, NAME = "gsid", "sfdcAccountId", "Ext__gc", "name"
KINDS = (GSID, SFDC, EXT, NAME)
CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def sfdc_id(number: int) -> str:
    """A Salesforce id of 15 characters."""
    return f"0015000000Gv{number:03d}"


def long_form(short: str) -> str:
    """The same with its checksum: five characters at a time, which of them are capital letters."""
    letters = ""
    for start in (0, 5, 10):
        block = short[start : start + 5]
        letters += CHECKSUM[sum(1 << place for place, one in enumerate(block) if "A" <= one <= "Z")]
    return short + letters


@dataclass
class Firm:
    """A company, and what the tenant has of it before the first message."""

    number: int
    manner: str
    #: Its keys but the name, by kind; those only that `company_match` has.
    keys: dict[str, str]
    names: list[str]
    #: The key that all messages of an anchored one have.
    anchor: str = ""
    #: What the tenant holds of it: a row of Company.
    row: dict[str, object] | None = None
    #: Which of the namesakes it is, nobody knows: its row has nothing but the name.
    bare: bool = False
    told: int = 0
    bridged: bool = False

    @property
    def name(self) -> str:
        """What it is called now."""
        return self.names[-1]


@dataclass(frozen=True)
class Naming:
    """By which keys a message names a company; `name` is empty where it says none."""

    firm: int
    keys: Mapping[str, str]
    name: str
    #: Has keys of which the first message of its company must make one.
    bridge: bool = False
    #: Means one of several namesakes, and nobody can tell which.
    floating: bool = False
    #: A GSID that the tenant does not have.
    stray: bool = False


@dataclass
class Firms:
    """All companies of a world."""

    chance: random.Random
    match: Sequence[str]
    firms: list[Firm] = field(default_factory=list)
    floats: int = 0

    def found(self, count: int) -> None:
        """Make so many companies, some of them namesakes."""
        strong = [kind for kind in self.match if kind not in (NAME, GSID)]
        namesakes = 0
        if strong and self.match[-1] == NAME and self.chance.random() < 0.4:
            namesakes = self.chance.choice((2, 2, 3))
        for number in range(namesakes):
            self.firms.append(self._firm(number, "namesake", "Twin", strong[0]))
        for number in range(namesakes, namesakes + count):
            self.firms.append(self._firm(number, self._manner(), f"Firm {number}", ""))
        for firm in self.firms:
            self._anchor(firm)
            self._seed(firm)

    def _manner(self) -> str:
        if NAME not in self.match or len(self.match) == 1:
            return "anchored"
        return self.chance.choice(("anchored", "bridged", "late"))

    def _firm(self, number: int, manner: str, name: str, primary: str) -> Firm:
        keys = {}
        for kind, value in ((SFDC, sfdc_id(number)), (EXT, f"e{number}")):
            if kind in self.match and (kind == primary or manner == "anchored" or self.chance.random() < 0.8):
                keys[kind] = value
        return Firm(number, manner, keys, [name], primary)

    def _anchor(self, firm: Firm) -> None:
        """Choose what all messages have; a company that has nothing but its name is known by that."""
        if firm.manner != "anchored":
            return
        kinds = [kind for kind in self.match if kind in firm.keys or kind == NAME]
        if GSID in self.match and (not kinds or self.chance.random() < 0.3):
            kinds = [GSID]
        firm.anchor = self.chance.choice(kinds)

    def _seed(self, firm: Firm) -> None:
        """What the tenant has of it. Where it lacks a key, all messages say the name that it has."""
        if firm.anchor != GSID and self.chance.random() < 0.6:
            return
        gsid = f"1P02{firm.number:032d}"
        firm.row = {"Gsid": gsid, "Name": firm.name}
        bare = NAME in self.match and firm.manner in ("anchored", "late") and firm.anchor != GSID
        alone = firm.manner == "namesake" and not any(one.row for one in self.firms if one is not firm)
        lacking = bare and self.chance.random() < 0.4
        if alone and GSID not in self.match and self.chance.random() < 0.3:
            lacking = firm.bare = True
        for kind, value in firm.keys.items():
            if not lacking:
                stored = long_form(value) if kind == SFDC and self.chance.random() < 0.5 else value
                firm.row["SfdcAccountId" if kind == SFDC else kind] = stored
        if lacking and firm.manner == "anchored":
            firm.anchor = NAME
        if GSID in self.match:
            firm.keys[GSID] = gsid

    # messages

    def naming(self, *, safe: bool) -> Naming:
        """By which keys the next message names which company. `safe`: the message is good otherwise."""
        firm = self.chance.choice(self.firms)
        if firm.manner == "namesake":
            return self._of_namesake(firm)
        if firm.manner != "anchored" and not firm.bridged:
            return self._before_bridge(firm, safe=safe)
        if self.match[0] == GSID and self.chance.random() < 0.04:
            name = self.chance.choice(("", firm.name))
            return Naming(firm.number, {GSID: f"1P02{'Z' * 30}{firm.number:02d}"}, name, stray=True)
        self._rename(firm)
        kinds = self._some([*firm.keys, NAME])
        if firm.anchor and firm.anchor not in kinds:
            kinds.append(firm.anchor)
        name = firm.name if NAME in kinds else ""
        if name and firm.anchor != NAME and self.match[-1] == NAME and self.chance.random() < 0.15:
            name = self.chance.choice(firm.names) if set(kinds) & {*firm.keys} else name
        return Naming(firm.number, self._spelt(firm, kinds), name)

    def _before_bridge(self, firm: Firm, *, safe: bool) -> Naming:
        early = firm.manner == "late" and firm.told < 3 and self.chance.random() < 0.6
        firm.told += 1
        if early and firm.keys and self.chance.random() < 0.5:
            kind = self.chance.choice(sorted(firm.keys))
            return Naming(firm.number, self._spelt(firm, [kind]), "")
        if early:
            return Naming(firm.number, {}, firm.name)
        if not safe:
            return Naming(firm.number, self._spelt(firm, list(firm.keys)), firm.name)
        firm.bridged = True
        return Naming(firm.number, self._spelt(firm, list(firm.keys)), firm.name, bridge=True)

    def _of_namesake(self, firm: Firm) -> Naming:
        if self.floats < 4 and self.chance.random() < 0.25:
            self.floats += 1
            return Naming(firm.number, {}, firm.name, floating=True)
        kinds = {firm.anchor, *self._some([*firm.keys, NAME])}
        return Naming(firm.number, self._spelt(firm, sorted(kinds)), firm.name if NAME in kinds else "")

    def _rename(self, firm: Firm) -> None:
        """A new name comes with a key that is stronger than names."""
        by_anchor = firm.anchor and firm.anchor != NAME
        if not by_anchor or (NAME in self.match and self.match.index(NAME) < self.match.index(firm.anchor)):
            return
        if self.chance.random() < 0.15:
            firm.names.append(f"Firm {firm.number} new {len(firm.names)}")

    def _some(self, kinds: Sequence[str]) -> list[str]:
        chosen = [kind for kind in kinds if self.chance.random() < 0.6]
        return chosen or [self.chance.choice(kinds)]

    def _spelt(self, firm: Firm, kinds: Sequence[str]) -> dict[str, str]:
        """The keys as a message has them: Salesforce ids come in a short and in a long form."""
        found = {kind: firm.keys[kind] for kind in kinds if kind in firm.keys}
        if SFDC in found and self.chance.random() < 0.3:
            found[SFDC] = long_form(found[SFDC])
        return found
