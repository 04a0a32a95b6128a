"""Audiences and computed traits together: names of each other, circles, keys, destinations."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from gainstage.audiences.catalog import circle, linked
from gainstage.audiences.definition import Computation
from gainstage.configuration.computing import AudienceForm, ComputedTraitForm
from gainstage.configuration.conditions import (
    AccountTraitForm,
    AllForm,
    AnyForm,
    MemberForm,
    NotForm,
    TraitForm,
    WordForm,
)
from gainstage.configuration.places import extend
from gainstage.configuration.suggest import unknown_word

DefinitionForm = AudienceForm | ComputedTraitForm
#: Tells what is wrong at a place of the definition.
Refuse = Callable[[str, str], None]


@dataclass(frozen=True)
class Written:
    """A definition that is right by itself, and whom to tell of what is not."""

    form: DefinitionForm
    refuse: Refuse

    @property
    def kind(self) -> str:
        return "audience" if isinstance(self.form, AudienceForm) else "computed trait"


def together(
    written: Iterable[Written], destinations: Iterable[str], unusable: Iterable[str] = ()
) -> tuple[Computation, ...]:
    """The definitions that can be used, each reference knowing what it names.

    `unusable` are keys of definitions with something wrong in them: naming one is no further problem.
    """
    listed = tuple(written)
    known = _by_key(listed)
    places = tuple(destinations)
    wrong: set[str] = set()
    for key, one in _namesakes(known):
        one.refuse("name", f"another {one.kind} is named {one.form.name}; names must be unique")
        wrong.add(key)
    for key, one in known.items():
        problems = [*_references(one, known, set(unusable)), *_destinations(one, places)]
        for place, told in problems:
            one.refuse(place, told)
        if problems:
            wrong.add(key)
    made = {key: one.form.made() for key, one in known.items()}
    while round_ := circle(dict(zip(made, linked(made.values()), strict=True))):
        _refuse_circle(round_, known)
        for key in round_:
            made.pop(key, None)
    usable = {key: one for key, one in made.items() if key not in wrong}
    return tuple(one for one in linked(made.values()) if one.key in usable)


def _by_key(listed: tuple[Written, ...]) -> dict[str, Written]:
    """Each key's definition: the first one that has it."""
    known: dict[str, Written] = {}
    for one in listed:
        other = known.setdefault(one.form.made_key, one)
        if other is not one:
            told = (
                f"the {other.kind} {other.form.name} has the key {one.form.made_key} too: write another key"
            )
            one.refuse("key" if one.form.key is not None else "name", told)
    return known


def _namesakes(known: Mapping[str, Written]) -> Iterator[tuple[str, Written]]:
    """The definitions whose name another one of their kind has before them."""
    seen: set[tuple[str, str]] = set()
    for key, one in known.items():
        name = one.kind, one.form.name
        if name in seen:
            yield key, one
        seen.add(name)


def _references(one: Written, known: Mapping[str, Written], unusable: set[str]) -> Iterator[tuple[str, str]]:
    form = one.form
    if not isinstance(form, AudienceForm):
        return
    audiences = {key: other.form for key, other in known.items() if isinstance(other.form, AudienceForm)}
    traits = {key: other.form for key, other in known.items() if isinstance(other.form, ComputedTraitForm)}
    for place, condition in conditions(form.where, "where"):
        if isinstance(condition, MemberForm):
            told = _member(form, condition.audience, audiences, traits, unusable)
            if told:
                yield extend(place, "audience"), told
        elif isinstance(condition, AccountTraitForm):
            told = _account_trait(form, condition.account_trait, traits)
            if told:
                yield extend(place, "account_trait"), told
        elif isinstance(condition, TraitForm):
            named = traits.get(condition.trait)
            if named is not None and named.for_ == "account":
                yield extend(place, "trait"), f"{condition.trait} is a trait of accounts: write account_trait"


def _member(
    form: AudienceForm,
    key: str,
    audiences: Mapping[str, AudienceForm],
    traits: Mapping[str, ComputedTraitForm],
    unusable: set[str],
) -> str | None:
    if key in audiences:
        if form.for_ == "user" and audiences[key].for_ == "account":
            return f"{key} has accounts as its members, and this audience is of people"
        return None
    if key in unusable:
        return None
    if key in traits:
        return f"{key} is a computed trait: write trait, with an operator"
    return unknown_word("audience", key, audiences)


def _account_trait(form: AudienceForm, name: str, traits: Mapping[str, ComputedTraitForm]) -> str | None:
    if form.for_ == "user":
        return "account_trait is for audiences of accounts: write for: account, or trait"
    if name in traits and traits[name].for_ == "user":
        return f"{name} is a trait of people: write trait"
    return None


def _destinations(one: Written, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for index, name in enumerate(one.form.destinations):
        if name not in known:
            yield extend("destinations", index), unknown_word("destination", name, known)


def _refuse_circle(keys: tuple[str, ...], known: Mapping[str, Written]) -> None:
    told = f"names itself in a circle ({' -> '.join(keys)}): take one of these out"
    for key, named in pairwise(keys):
        form = known[key].form
        assert isinstance(form, AudienceForm)
        place = next(
            extend(place, _named(condition)[0])
            for place, condition in conditions(form.where, "where")
            if _named(condition)[1] == named
        )
        known[key].refuse(place, told)


def _named(condition: WordForm) -> tuple[str, str]:
    match condition:
        case MemberForm(audience=name):
            return "audience", name
        case TraitForm(trait=name):
            return "trait", name
        case AccountTraitForm(account_trait=name):
            return "account_trait", name
    return "", ""


def conditions(condition: WordForm, place: str) -> Iterator[tuple[str, WordForm]]:
    """Every condition inside one, with its place in the definition."""
    yield place, condition
    if isinstance(condition, AllForm | AnyForm):
        name = "all" if isinstance(condition, AllForm) else "any"
        inner = condition.all if isinstance(condition, AllForm) else condition.any
        for index, one in enumerate(inner):
            yield from conditions(one, extend(extend(place, name), index))
    elif isinstance(condition, NotForm):
        yield from conditions(condition.not_, extend(place, "not"))
