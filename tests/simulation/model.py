"""What each message asks of each vendor, and how it may end: written from the vendors' side, in few words."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.simulation.stream import MAPPED, Said, Stamp

Field = tuple[str, str, str]
"""Object, key and name of a field at a vendor."""


@dataclass(frozen=True)
class Asked:
    """What one message asks: fields to set, or one append (then `append` names whose)."""

    fields: dict[Field, str]
    append: str = ""


NOTHING = Asked({})

#: Words that an event may end with.
GO, FAIL, FILTER, PARK = "go", "fail", "filter", "park"
#: Either: whether the e-mail is known depends on who came first.
GO_OR_PARK = "go or park"


@dataclass(frozen=True)
class Reading:
    """A message as a vendor's rules read it."""

    word: str
    asked: Asked = NOTHING

    @property
    def poison(self) -> bool:
        """Whether a vendor would refuse it."""
        return any("poison" in value for value in self.asked.fields.values())


def read(vendor: str, said: Said, knows: str = GO) -> Reading:
    """How a message reads for a vendor. `knows`: how it goes where its person's e-mail is needed."""
    if said.kind in ("alias", "page"):
        return Reading(FILTER)
    if vendor == "click":
        return _append(said)
    if vendor == "px":
        return _px(said)
    if said.kind == "track":
        return _append(said) if said.name == MAPPED else Reading(FAIL)
    if said.kind == "group" and "name" not in said.traits:
        return Reading(FAIL)
    return Reading(knows, Asked(_cs_fields(said)))


def _append(said: Said) -> Reading:
    return Reading(FAIL if said.poison else GO, Asked({}, append=said.person))


def _cs_fields(said: Said) -> dict[Field, str]:
    person = ("person", said.email)
    if said.kind == "identify":
        return {
            (*person, name): said.traits[trait]
            for trait, name in (
                ("firstName", "FirstName"),
                ("firstName", "Name"),
                ("comments", "Comments"),
                ("tier", "Tier__gc"),
            )
            if trait in said.traits
        }
    name = said.traits["name"].strip()
    fields: dict[Field, str] = {
        ("company", name, field): said.traits[trait]
        for trait, field in (("industry", "Industry"), ("tickerSymbol", "TickerSymbol"), ("stage", "Stage"))
        if trait in said.traits
    }
    return {**fields, (*person, f"companies[{name}]"): "yes"}


def _px(said: Said) -> Reading:
    if said.kind == "track":
        return _append(said)
    if said.kind == "group":
        if not said.group:
            return Reading(FAIL)
        fields: dict[Field, str] = {
            ("account", said.group, name): said.traits[name]
            for name in ("name", "industry")
            if name in said.traits
        }
        return Reading(GO, Asked({**fields, ("user", said.person, "accountId"): said.group}))
    email = {("user", said.person, "email"): said.spelt} if said.tells else {}
    return Reading(
        GO,
        Asked(
            email
            | {
                ("user", said.person, name): said.traits[trait]
                for trait, name in (
                    ("firstName", "firstName"),
                    ("title", "title"),
                    ("city", "location.city"),
                    ("countryName", "location.countryName"),
                    ("tier", "customAttributes.tier"),
                    ("accountId", "accountId"),
                )
                if trait in said.traits
            }
        ),
    )


def merged(asked: Iterable[tuple[Stamp, Asked]]) -> dict[Field, str]:
    """Field by field the newest value."""
    newest: dict[Field, tuple[Stamp, str]] = {}
    for stamp, one in asked:
        for name, value in one.fields.items():
            if name not in newest or newest[name][0] < stamp:
                newest[name] = (stamp, value)
    return {name: value for name, (_, value) in newest.items()}


def told_emails(stream: Iterable[Said], *, surely: bool) -> set[str]:
    """Ids (`u:`, `a:`) whose e-mail is told somewhere in the stream, by the ids that messages join.

    `surely`: without what a nameless visitor of a device tells of the user that the device is known by.
    """
    joined: dict[str, set[str]] = {}
    told: set[str] = set()
    devices: set[str] = set()
    for said in stream:
        ids = ids_of(said)
        if said.kind == "alias":
            ids |= {f"u:{said.previous}", f"a:{said.previous}"}
        for one in ids:
            joined.setdefault(one, set()).update(ids)
        if said.tells and not said.user and surely:
            devices |= ids
        elif said.tells:
            told |= {f"u:{said.user}"} if said.kind == "alias" else ids
    waiting = list(told)
    while waiting:
        for other in joined.get(waiting.pop(), ()):
            if other not in told:
                told.add(other)
                waiting.append(other)
    return told | devices


def ids_of(said: Said) -> set[str]:
    """The ids of a message's user."""
    named = (("u:", said.user), ("a:", said.device))
    return {prefix + value for prefix, value in named if value}
