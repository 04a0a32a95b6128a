"""What an audience or a computed trait comes to before anything is sent: its size, and a sample."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from gainstage.app.archiving import existing, report
from gainstage.app.configuring import stored_documents
from gainstage.app.fields import kept_of
from gainstage.app.surveying import KINDS, decoded, key_in, named, unknown
from gainstage.app.verdicts import unheard
from gainstage.audiences.definition import Computation
from gainstage.audiences.keys import kind_of
from gainstage.computing.state import FOLDER_NAME
from gainstage.configuration import Document, outline, resolve
from gainstage.configuration import Outline as Outlined
from gainstage.configuration.environment import REFERENCE
from gainstage.connection import Configuration
from gainstage.errors import ConfigurationError, DataUnusable, UsageError
from gainstage.history import Archive, ArchiveUnavailable
from gainstage.log.contract import LogUnavailable
from gainstage.log.local import LocalLog
from gainstage.store.store import Store

SAMPLE = 10
SENT = "The definition sent"


def preview_audience(
    data: Path, key: str | None, definitions: Path | Mapping[str, Any] | None = None, sample: int = SAMPLE
) -> dict[str, Any]:
    """The size of an audience or a computed trait now, and some of those who have a value.

    `definitions`: a file with definitions that need not be in force, or one definition under its kind, as in
    `{"audience": {...}}`; those in force that they name are taken as they are.

    Raises:
        UnknownComputation: there is none of this key.
        UsageError: the definition cannot be used, or nothing was archived yet.
    """
    stored = stored_documents(data)
    match definitions:
        case None:
            outlined = None
        case Path():
            outlined = outline(definitions)
        case _:
            outlined = outline_of_one(definitions, SENT)
    configuration = _wanted(stored, outlined)
    found = configuration.computations
    chosen = _chosen(found, outlined, key)
    archive = _archive(data)
    try:
        counted = _computed(data, archive, found, chosen, sample)
    finally:
        archive.close()
    return {
        "key": chosen.key,
        "name": chosen.name,
        "kind": kind_of(chosen),
        "for": chosen.subject,
        **counted,
        "warnings": _warnings(data, configuration, chosen),
        "archive": asyncio.run(_archived(data)),
    }


def _wanted(stored: Sequence[Any], outlined: Outlined | None) -> Configuration:
    """The configuration in force, with those of a file in place of what has their keys.

    Raises:
        ConfigurationError: one of the file's cannot be used; here is everything that is wrong.
    """
    given = [one for one in outlined.documents if one.kind in KINDS] if outlined else []
    keys = {key_in(one) for one in given}
    names = {(one.kind, one.name) for one in given}
    kept = [
        one
        for one in stored
        if one.kind not in KINDS or (key_in(one) not in keys and (one.kind, one.name) not in names)
    ]
    resolved = resolve([*kept, *given], os.environ, lenient=True)
    usable = {one.key for one in resolved.configuration.computations}
    places = tuple(one.place for one in given)
    problems = [str(problem) for problem in resolved.warnings if problem.place.startswith(places)]
    if outlined is not None and (outlined.problems or not keys <= usable):
        raise ConfigurationError(outlined.name, [*map(str, outlined.problems), *problems])
    return resolved.configuration


def _warnings(data: Path, configuration: Configuration, one: Computation) -> list[dict[str, Any]]:
    """Where nothing of what it would say arrives."""
    told = [
        configuration.destinations[name] for name in one.destinations if name in configuration.destinations
    ]
    with closing(Store(data, create=False)) as store:
        return list(unheard(configuration, one, kept_of(store, told)))


def outline_of_one(given: Mapping[str, Any], name: str) -> Outlined:
    """One definition under its kind, as in `{"audience": {...}}`, as a file of its own.

    Raises:
        UsageError: it has another form.
    """
    kind, body = next(iter(given.items()), ("", None))
    if len(given) != 1 or kind not in KINDS or not isinstance(body, Mapping):
        raise UsageError(
            f"{name} must be one definition under its kind: "
            '{"audience": {"name": ..., "where": ...}} or {"computed_trait": {"name": ..., ...}}.'
        )
    if REFERENCE.search(msgspec.json.encode(body).decode()):
        raise UsageError(f"{name} refers to the environment (${{...}}): definitions need none, write it out.")
    called = body.get("name")
    document = Document(kind, called if isinstance(called, str) else "", "dashboard", body, kind)  # type: ignore[arg-type]
    return Outlined(name, (document,), ())


def _chosen(found: Sequence[Computation], outlined: Outlined | None, key: str | None) -> Computation:
    given = [key_in(one) for one in outlined.documents if one.kind in KINDS] if outlined else []
    if key is None and outlined is None:
        raise UsageError("Name a key (`gainstage audiences list` has them), or a file with --file.")
    if key is None and len(given) != 1:
        listed = ", ".join(sorted(given))
        told = f"{outlined.name if outlined else ''} has {len(given)} definitions"
        raise UsageError(f"{told}: name one by its key{f': {listed}' if given else ''}.")
    key = key if key is not None else given[0]
    one = next((one for one in found if one.key == key), None)
    if one is None:
        raise unknown(key, [other.key for other in found])
    return one


def _archive(data: Path) -> Archive:
    try:
        archive = existing(data)
    except ArchiveUnavailable as error:
        raise DataUnusable(str(error)) from None
    if archive is None:
        raise UsageError(
            "No event was archived yet, so there is nothing to compute from: start `gainstage serve` with "
            "`retention.history.enabled` on, and events are archived as they come."
        )
    return archive


def _computed(
    data: Path, archive: Archive, found: Sequence[Computation], chosen: Computation, sample: int
) -> dict[str, Any]:
    from gainstage.computing.previewing import preview

    now_us, of_people = time.time_ns() // 1_000, chosen.subject == "user"
    with archive.snapshot() as snapshot:
        made = preview(data / FOLDER_NAME, snapshot, found, chosen.key, now_us, sample)
    label = "email" if of_people else "name"
    return {
        "size": made.size,
        "known": made.known,
        "sample": [
            {
                **named(one.subject),
                "value": decoded(one.value),
                label: decoded(one.told) if one.told is not None else None,
            }
            for one in made.sample
        ],
    }


async def _archived(data: Path) -> dict[str, Any]:
    """Of what it was computed, and what is not archived yet."""
    try:
        log = LocalLog(data)
    except LogUnavailable as error:
        raise DataUnusable(str(error)) from None
    try:
        told = await report(data, log) or {}
    finally:
        await log.close()
    names = ("events", "first_day", "last_day", "behind", "damaged")
    return {name: told.get(name) for name in names}
