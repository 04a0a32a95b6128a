"""What a seed has in store: destinations, faults, crashes, edits, and when."""

import copy
import dataclasses
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gainstage.connection import Configuration, Connected, Source
from gainstage.destination import Backlog, Gather
from gainstage.destinations.registry import load
from gainstage.outcome import Blocked
from gainstage.store.rows import Document
from tests.simulation.faults import FAULTS
from tests.simulation.spending import Limits
from tests.simulation.stream import MAPPED

Bodies = dict[str, dict[str, Any]]

KEYS = {"cs": "c" * 36, "px": "p" * 36, "click": "e" * 36}
#: Limits that settings name, and the seconds of their windows.
WINDOWS = {"per_second": 1, "per_minute": 60, "bulk_per_hour": 3_600, "per_day": 86_400}
DOOMS = ("before commit", "after commit", "storage fails", "partition lost")


@dataclass
class Fate:
    """One seed's plan. Edits of the settings are chosen as they come; the last state is always a good one."""

    chance: random.Random
    sources: tuple[str, ...]
    bodies: Bodies
    good: Bodies
    faults: tuple[str, ...]
    fault_rate: float
    slow_seconds: float
    dooms: tuple[str, ...]
    doom_rate: float
    script: list[tuple[float, str]]
    replaces: bool
    #: Turns are made every tenth of a second, as in life, instead of skipping idle time.
    patient: bool
    #: Appends whose answer is lost are kept for a person.
    holds: bool
    #: A custom field was mapped elsewhere while events were under way.
    remapped: bool = False
    keys: dict[str, str] = field(default_factory=lambda: dict(KEYS))

    @classmethod
    def of(cls, chance: random.Random) -> "Fate":
        """Swarm testing: each seed has some of everything, and none of something."""
        sources = ("app", "web")[: chance.choice((1, 2))]
        holds = chance.random() < 0.15
        good = _destinations(chance, sources, holds=holds)
        bulk = chance.random() < 0.5
        for name in ("cs", "cs2") if bulk else ():
            if name in good:
                good[name]["settings"]["people_bulk"] = "auto"
                budget = good[name]["settings"]["budget"]
                budget["bulk_per_hour"] = chance.choice((2, 10, 100))
                budget["per_minute"] = chance.choice((5, 10, budget["per_minute"]))
        bodies = _with_mistakes(chance, good)
        length = chance.choice((20.0, 60.0, 300.0))
        script = [(chance.uniform(0, length), "events") for _ in range(chance.randint(4, 18))]
        for at in [chance.uniform(0, length) for _ in range(4)] if bulk else ():
            script += [(at, "events")] * 5
        for name, most in (("crash", 3), ("restart", 2), ("jump", 2), ("retry", 3), ("change", 4)):
            if chance.random() < 0.4:
                script += [(chance.uniform(0, length), name) for _ in range(chance.randint(1, most))]
        if chance.random() < 0.25:
            at = chance.uniform(0, length)
            script += [(at, "down"), (at + chance.uniform(1, 200), "up")]
        if chance.random() < 0.25:  # others of the tenant use up what it may
            at = chance.uniform(0, length)
            script += [(at, "crowd"), (at + chance.uniform(1, 100), "quiet")]
        if chance.random() < 0.7:
            script += [(length + chance.uniform(0, 30), "change")]
        dooms = tuple(doom for doom in DOOMS if chance.random() < 0.5)
        return cls(
            chance,
            sources,
            bodies,
            good,
            tuple(fault for fault in FAULTS if chance.random() < 0.5),
            chance.choice((0.0, 0.05, 0.2, 0.5)),
            chance.choice((0.05, 0.5, 10.0)),
            dooms,
            chance.choice((0.0, 0.01, 0.05)) if dooms else 0.0,
            sorted(script),
            replaces=chance.random() < 0.5,
            patient=chance.random() < 0.1,
            holds=holds,
        )

    def replay(self, chance: random.Random) -> None:
        """History is sent again in some worlds; the others stay as they were before anybody could do so."""
        if chance.random() < 0.4:
            end = max((at for at, _ in self.script), default=0.0)
            replays = [(chance.uniform(0, end), "replay") for _ in range(chance.randint(1, 5))]
            self.script = sorted([*self.script, *replays])

    def limits(self) -> Limits:
        """The most calls in a window of so many seconds, by what they belong to: the lowest of the
        destinations that run; where none does, calls under way go by the highest.
        """
        usable = [body for body in self.bodies.values() if body.get("usable", True)]
        running = [body for body in usable if body.get("enabled", True) and not body.get("paused")]
        found: Limits = {"click": {1: 200}}
        for bodies, choose in ((usable, max), (running, min)):
            chosen: Limits = {}
            for body in bodies:
                for (limit, seconds), most in _usable(body["settings"].get("budget", {})).items():
                    windows = chosen.setdefault(limit, {})
                    windows[seconds] = choose(most, windows.get(seconds, most))
            found |= chosen
        return found

    def documents(self) -> list[Document]:
        """The configuration now."""
        return [
            *(Document("source", source, "file", {}) for source in self.sources),
            *(Document("destination", name, "file", body) for name, body in self.bodies.items()),
        ]

    def final_documents(self) -> list[Document]:
        """A configuration with which everything can settle."""
        for name, body in self.good.items():
            remapped = self.bodies.get(name, body)["settings"].get("person_fields")
            self.bodies[name] = copy.deepcopy(body)
            if remapped:
                self.bodies[name]["settings"]["person_fields"] = remapped
        return self.documents()

    def next_documents(self) -> list[Document]:
        """One edit."""
        chance = self.chance
        name = chance.choice(sorted(self.good))
        body = self.bodies.setdefault(name, copy.deepcopy(self.good[name]))
        kinds = (
            "pause", "disable", "unusable", "remap", "key", "remove", *["mend"] * 2, *["budget"] * 3
        )  # fmt: skip
        kind = chance.choice(kinds)
        if kind == "pause":
            body["paused"] = not body.get("paused", False)
        elif kind == "disable":
            body["enabled"] = not body.get("enabled", True)
        elif kind == "unusable":
            body["usable"] = not body.get("usable", True)
        elif kind == "remap" and body["type"] == "gainsight_cs":
            self.remapped = True
            field_name = body["settings"]["person_fields"]["tier"]
            other = "Plan__gc" if field_name == "Tier__gc" else "Tier__gc"
            body["settings"]["person_fields"] = {"tier": other}
        elif kind == "remove" and len(self.bodies) > 1:  # the next edit of it adds it again
            del self.bodies[name]
        elif kind == "key":  # for PX and the clickstream another key is another tenant
            _mistype_key(body["settings"])
        elif kind == "budget" and "budget" in body["settings"]:
            _reckon(chance, body["settings"]["budget"])
        elif kind == "mend":
            self.bodies[name] = {**copy.deepcopy(self.good[name]), "enabled": body.get("enabled", True)}
        else:  # a change that matters to nobody, but for the settings' fingerprint
            body["settings"]["resend_unchanged_after"] = chance.randint(500_000, 600_000)
            if body["type"] == "gainsight":
                del body["settings"]["resend_unchanged_after"]
                body["settings"]["remember_account"] = not body["settings"].get("remember_account", True)
        return self.documents()


def _destinations(chance: random.Random, sources: tuple[str, ...], *, holds: bool) -> Bodies:
    """Destinations as they should be."""
    a_minute = chance.choice((10, 40, 100, 1000))
    good: Bodies = {}
    chosen = [name for name in ("cs", "px", "click") if chance.random() < 0.6] or ["cs"]
    if "cs" in chosen:
        good["cs"] = _cs(sources[:1] if len(sources) > 1 else sources, a_minute, holds=holds)
        if len(sources) > 1:
            other = chance.choice((a_minute, a_minute * 2))
            good["cs2"] = _cs(sources[1:], other, holds=holds)
    if "px" in chosen:
        a_second = chance.choice((2, 200))
        settings = {
            "api_key": KEYS["px"],
            "product_tag_key": "AP-XXXXXXXXXX-2",
            "user_attributes": {"tier": "tier"},
            "budget": {"per_second": a_second, "reserve_percent": 0},
        }
        good["px"] = {"type": "gainsight_px", "sources": list(sources), "settings": settings}
    if "click" in chosen:
        settings = {"access_key": KEYS["click"]}
        good["click"] = {"type": "gainsight", "sources": list(sources), "settings": settings}
    return good


def _cs(sources: Sequence[str], a_minute: int, *, holds: bool) -> dict[str, Any]:
    settings = {
        "domain": "acme",
        "access_key": KEYS["cs"],
        "shared_secret": KEYS["cs"],
        "tenant_id": "t",
        "topic_name": "topic",
        "events": {MAPPED: {"name": "Used", "version": "v1"}},
        "person_fields": {"tier": "Tier__gc"},
        "on_unknown": "hold" if holds else "resend",
        "budget": {"per_minute": a_minute},
    }
    return {"type": "gainsight_cs", "sources": list(sources), "settings": settings}


def _with_mistakes(chance: random.Random, good: Bodies) -> Bodies:
    """The configuration at the start: sometimes a wrong key, a missing secret, a destination yet to come."""
    bodies = copy.deepcopy(good)
    if chance.random() < 0.5:
        return bodies
    name = chance.choice(sorted(bodies))
    settings = bodies[name]["settings"]
    match chance.choice(("key", "secret", "absent", "paused")):
        case "key":
            _mistype_key(settings)
        case "secret" if "shared_secret" in settings:
            del settings["shared_secret"]
        case "absent" if len(bodies) > 1:
            del bodies[name]
        case _:
            bodies[name]["paused"] = True
    return bodies


def _usable(budget: Mapping[str, int]) -> dict[tuple[str, int], int]:
    """What a budget allows, by what its limits belong to and the seconds of their windows."""
    part, vendor = 100 - budget.get("reserve_percent", 20), "px" if "per_second" in budget else "cs"
    return {
        ("cs_async" if name == "bulk_per_hour" else vendor, WINDOWS[name]): max(1, limit * part // 100)
        for name, limit in budget.items()
        if name in WINDOWS
    }


def _reckon(chance: random.Random, budget: dict[str, int]) -> None:
    """Somebody thinks otherwise of how much may be spent."""
    if "per_second" in budget:
        budget["per_second"] = chance.choice((1, 5, 50))
    else:
        budget["per_minute"] = chance.choice((2, 5, 20, 80, 500))
    if "bulk_per_hour" in budget:
        budget["bulk_per_hour"] = chance.choice((1, 5, 50))
    budget["reserve_percent"] = chance.choice((0, 20, 50))
    if chance.random() < 0.3:
        budget["per_day"] = chance.choice((10, 100, 20_000))


def _mistype_key(settings: dict[str, Any]) -> None:
    settings["api_key" if "api_key" in settings else "access_key"] = "wrong" * 7


def eagerly(settings: Any) -> Mapping[str, Gather]:
    """Bulk calls for as few as two people: a world has not the thousands that it takes in life."""

    def choose(backlog: Backlog) -> int:
        room = all(one.free for one in backlog.allowances if one.budget.family == "cs_async")
        return min(backlog.waiting, 50) if room else 0

    return {"person": choose} if settings and settings.people_bulk == "auto" else {}


def configured(documents: Sequence[Document], revision: int) -> Configuration:
    """The configuration that the world's documents mean."""
    sources = {d.name: Source(d.name, "server", f"k-{d.name}") for d in documents if d.kind == "source"}
    destinations = {}
    for document in documents:
        if document.kind == "destination":
            body: dict[str, Any] = document.body
            type_ = load(body["type"])
            if body["settings"].get("people_bulk") == "auto":
                type_ = dataclasses.replace(type_, gather=eagerly)
            usable = body.get("usable", True)
            destinations[document.name] = Connected(
                document.name,
                type_,
                type_.settings.model_validate(body["settings"]) if usable else None,
                frozenset(body["sources"]),
                frozenset(type_.kinds),
                enabled=body.get("enabled", True),
                paused=body.get("paused", False),
                problem=None if usable else Blocked("configuration_invalid", "A variable is missing."),
            )
    return Configuration(revision, sources, destinations)
