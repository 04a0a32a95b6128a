"""From documents to a `Configuration`: expands references, checks everything, tells every problem at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from gainstage.audiences.definition import Computation
from gainstage.audiences.keys import key_of
from gainstage.configuration.computations import Written as Definition
from gainstage.configuration.computations import together
from gainstage.configuration.computing import AudienceForm, ComputedTraitForm
from gainstage.configuration.document import Document, Written
from gainstage.configuration.environment import Expansion
from gainstage.configuration.form import DestinationForm, SourceForm
from gainstage.configuration.oauth import conflicts
from gainstage.configuration.operating import FORMS
from gainstage.configuration.places import extend
from gainstage.configuration.reader import Outline, Problem, outline
from gainstage.configuration.retention import RetentionForm
from gainstage.configuration.suggest import unknown_word
from gainstage.configuration.wording import masked, secret_values, sentences
from gainstage.connection import Configuration, Connected, Retention, Source
from gainstage.destination import Destination
from gainstage.destinations import registry
from gainstage.errors import ConfigurationError
from gainstage.outcome import Blocked

COMPUTED: Mapping[str, type[AudienceForm] | type[ComputedTraitForm]] = {
    "audience": AudienceForm,
    "computed_trait": ComputedTraitForm,
}

SomeForm = TypeVar("SomeForm", bound=BaseModel)


class Resolved(NamedTuple):
    """A configuration that can be used, and what is odd about it."""

    configuration: Configuration
    warnings: tuple[Problem, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Those of the warnings that keep something from working."""
        return tuple(one for one in self.warnings if not one.harmless)


class Loaded(NamedTuple):
    """A file's documents with what they resolve to."""

    documents: tuple[Document, ...]
    configuration: Configuration
    warnings: tuple[Problem, ...]


def load(path: Path, environment: Mapping[str, str], *, beside: Iterable[Written] = ()) -> Loaded:
    """Read and resolve a file, together with the documents that stand beside it (the dashboard's).

    Raises:
        UsageError: the file cannot be read.
        ConfigurationError: it can, and here is everything that is wrong in it.
    """
    return settle(outline(path), environment, beside=beside)


def settle(file: Outline, environment: Mapping[str, str], *, beside: Iterable[Written] = ()) -> Loaded:
    """Resolve a file that was read, as `load` does.

    Raises:
        ConfigurationError: here is everything that is wrong in it.
    """
    resolver = _Resolver(environment)
    configuration = resolver.run((*file.documents, *beside), revision=0)
    problems = (*file.problems, *resolver.problems)
    if problems:
        raise ConfigurationError(file.name, [str(problem) for problem in problems])
    return Loaded(file.documents, configuration, tuple(resolver.warnings))


def resolve(
    documents: Iterable[Written], environment: Mapping[str, str], *, revision: int = 0, lenient: bool = False
) -> Resolved:
    """The configuration that documents describe.

    `lenient` is for a server that runs: a destination that cannot be used becomes a blocked one, whose events
    wait; a source that cannot be used is left out; each problem is among the warnings.

    Raises:
        ConfigurationError: something is wrong, unless lenient.
    """
    resolver = _Resolver(environment)
    configuration = resolver.run(documents, revision=revision)
    if resolver.problems and not lenient:
        raise ConfigurationError("The configuration", [str(problem) for problem in resolver.problems])
    return Resolved(configuration, (*resolver.problems, *resolver.warnings))


@dataclass
class _Checked:
    """A document under examination: its body expanded, what is wrong with it so far."""

    document: Document
    body: Any
    secrets: set[str]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def problem(self, place: str, message: str) -> Problem:
        document = self.document
        setting = place.removeprefix("settings.") if place.startswith("settings.") else ""
        return Problem(
            place=_within(document.address, place),
            message=masked(message, self.secrets),
            line=_line(document.lines, place),
            destination=document.name if document.kind == "destination" else "",
            setting=setting,
        )

    def refuse(self, place: str, message: str) -> None:
        self.problems.append(self.problem(place, message))

    def warn(self, place: str, message: str) -> None:
        self.warnings.append(replace(self.problem(place, message), harmless=True))

    def form(self, model: type[SomeForm], body: Any, place: str = "") -> SomeForm | None:
        """The body as the model's instance, or None with the problems noted."""
        self.secrets.update(text for _, text in secret_values(model, body))
        try:
            return model.model_validate(body)
        except ValidationError as error:
            for inner, message in sentences(error, model, body):
                self.refuse(_within(place, inner), message)
            return None


def _within(place: str, inner: str) -> str:
    return f"{place}.{inner}" if place and inner and not inner.startswith("[") else place + inner


def _line(lines: Mapping[str, int], place: str) -> int:
    """The line of a place, else of the nearest place around it."""
    while place and place not in lines:
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return lines.get(place, 0)


class _Resolver:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def run(self, documents: Iterable[Written], *, revision: int) -> Configuration:
        listed = tuple(Document.of(document) for document in documents)
        sources: dict[str, Source] = {}
        unusable: set[str] = set()
        names = [document.name for document in listed if document.kind == "source"]
        for document in (d for d in listed if d.kind == "source"):
            checked = self._begin(document)
            source = self._source(checked, sources)
            if source and not checked.problems:
                sources[source.name] = source
            else:
                unusable.add(document.name)
            self._end(checked)
        destinations: dict[str, Connected] = {}
        for document in (d for d in listed if d.kind == "destination"):
            checked = self._begin(document)
            connected = self._destination(checked, names, sources)
            if connected and connected.name in destinations:
                checked.refuse("name", f"another destination is named {connected.name}; names must be unique")
            elif connected:
                destinations[connected.name] = connected
            self._end(checked)
        retention = self._retention(d for d in listed if d.kind == "retention")
        operating = self._operating(listed, destinations)
        computations = self._computations(listed, destinations)
        return Configuration(
            revision,
            sources,
            destinations,
            frozenset(unusable),
            retention,
            **operating,
            computations=computations,
        )

    def _retention(self, documents: Iterable[Document]) -> Retention:
        """What is kept; with something wrong in it nothing is let go."""
        retention = Retention()
        for document in documents:
            checked = self._begin(document)
            form = checked.form(RetentionForm, checked.body)
            retention = form.made() if form and not checked.problems else Retention.of_everything()
            self._end(checked)
        return retention

    def _operating(self, listed: Iterable[Document], destinations: Iterable[str]) -> dict[str, Any]:
        """What is said for the server as a whole; what cannot be used is as if it were not said."""
        found: dict[str, Any] = {}
        for document in (d for d in listed if d.kind in FORMS):
            checked = self._begin(document)
            form = checked.form(FORMS[document.kind], checked.body)
            for place, told in form.wrong(destinations) if form is not None else ():
                checked.refuse(place, told)
            if form is not None and not checked.problems:
                found[document.kind] = form.made(destinations)
            self._end(checked)
        return found

    def _computations(
        self, listed: Iterable[Document], destinations: Iterable[str]
    ) -> tuple[Computation, ...]:
        """Audiences and computed traits; one that cannot be used is left out."""
        written: list[Definition] = []
        begun: list[_Checked] = []
        unusable: set[str] = set()
        for document in (d for d in listed if d.kind in COMPUTED):
            checked = self._begin(document)
            begun.append(checked)
            form = checked.form(COMPUTED[document.kind], checked.body)
            if form is not None and not checked.problems:
                written.append(Definition(form, checked.refuse))
            else:
                key = checked.body.get("key")
                unusable.add(key if isinstance(key, str) else key_of(document.name))
        found = together(written, destinations, unusable)
        for checked in begun:
            self._end(checked)
        return found

    def _begin(self, document: Document) -> _Checked:
        expansion = Expansion(self.environment)
        body = expansion.expand(document.body)
        checked = _Checked(document, body, expansion.values)
        for place, message in expansion.problems:
            checked.refuse(place, message)
        for place, message in expansion.warnings:
            checked.warn(place, message)
        return checked

    def _end(self, checked: _Checked) -> None:
        self.problems.extend(checked.problems)
        self.warnings.extend(checked.warnings)

    def _source(self, checked: _Checked, others: Mapping[str, Source]) -> Source | None:
        form = checked.form(SourceForm, checked.body)
        if form is None:
            return None
        if form.name in others:
            checked.refuse("name", f"another source is named {form.name}; names must be unique")
        key, *old = (one.get_secret_value() for one in (form.write_key, *form.old_write_keys))
        taken = {
            one: other.name for other in others.values() for one in (other.write_key, *other.old_write_keys)
        }
        for place, one in (("write_key", key), *((f"old_write_keys[{n}]", one) for n, one in enumerate(old))):
            if one in taken:
                checked.refuse(place, f"source {taken[one]} has the same write key; each needs its own")
        if key in old:
            checked.refuse("old_write_keys", "the write key itself is among them; leave it out")
        if form.origins and form.kind != "web":
            checked.refuse("origins", f"only web sources have origins; this one is {form.kind}")
        oauth = form.oauth.made() if form.oauth else None
        if oauth and form.kind != "server":
            checked.refuse("oauth", "only server sources have oauth: pages and apps can keep no private key")
        for place, told in conflicts(oauth, others) if oauth else ():
            checked.refuse(place, told)
        rest = (tuple(form.origins), form.rate_limit, form.enabled, oauth)
        return Source(form.name, form.kind, key, *rest, old_write_keys=tuple(old))

    def _destination(
        self, checked: _Checked, known: list[str], sources: Mapping[str, Source]
    ) -> Connected | None:
        """The destination, blocked where something is wrong with it; None if it cannot even be named."""
        form = checked.form(DestinationForm, checked.body)
        wanted = form.type if form else checked.body.get("type")
        name = form.name if form else checked.document.name
        if not isinstance(wanted, str):
            return None
        if wanted not in registry.names():
            checked.refuse("type", unknown_word("type", wanted, registry.names()))
            return None
        kind = registry.load(wanted)
        body = checked.body.get("settings") or {}
        settings = checked.form(kind.settings, body, "settings") if isinstance(body, dict) else None
        if settings is not None and not checked.problems:
            self._warn(checked, kind, settings)
        if not name:
            return None
        fed_by = self._fed_by(checked, form.sources if form else None, known, sources)
        kinds = self._kinds(checked, kind, form.types if form else None)
        problem = None
        if checked.problems:
            settings, problem = None, Blocked("configuration_invalid", str(checked.problems[0]))
        return Connected(
            name=name,
            type=kind,
            settings=settings,
            sources=fed_by,
            kinds=kinds,
            enabled=form.enabled if form else True,
            paused=form.paused if form else False,
            problem=problem,
        )

    def _warn(self, checked: _Checked, kind: Destination, settings: BaseModel) -> None:
        for finding in kind.warnings(settings):
            place = f"settings.{finding.setting}" if finding.setting else "settings"
            if finding.level == "error":
                checked.refuse(place, finding.message)
            else:
                checked.warn(place, finding.message)

    def _fed_by(
        self, checked: _Checked, wanted: list[str] | None, known: list[str], sources: Mapping[str, Source]
    ) -> frozenset[str]:
        if wanted is None:
            return frozenset(sources)
        for index, name in enumerate(wanted):
            if name not in known:
                checked.refuse(extend("sources", index), unknown_word("source", name, known))
        if not wanted:
            checked.warn("sources", "the list is empty: no event reaches this destination")
        return frozenset(wanted) & frozenset(sources)

    def _kinds(self, checked: _Checked, kind: Destination, wanted: list[Any] | None) -> frozenset[str]:
        if wanted is None:
            return frozenset(kind.kinds)
        for index, name in enumerate(wanted):
            if name not in kind.kinds:
                message = f"{kind.title} takes no {name} calls; it takes {', '.join(kind.kinds)}"
                checked.refuse(extend("types", index), message)
        if not wanted:
            checked.warn("types", "the list is empty: every event is filtered")
        return frozenset(wanted) & frozenset(kind.kinds)
