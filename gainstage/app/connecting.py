"""One destination: as it is shown, made, changed and removed without a file."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gainstage.app.amending import OWNER, Listed, about, amend, find, odd, put, refuse_file
from gainstage.app.configuring import Permit, stored_documents
from gainstage.app.listing import described
from gainstage.configuration import Document as Written
from gainstage.configuration import Problem, hidden, resolve, revealed
from gainstage.configuration.places import join
from gainstage.configuration.secrets import places_of
from gainstage.errors import ConfigurationError, NameTaken, UnknownName, UsageError

KIND: Final = "destination"
#: What stands beside the settings and may be left out, or be null for its default.
BESIDE = ("sources", "types", "enabled", "paused")


def destination(data: Path, name: str) -> dict[str, Any]:
    """A destination with its settings, secrets hidden, with who owns it and whether it works.

    Raises:
        UnknownName: there is none of this name.
        UsageError: the folder holds no data.
    """
    documents = stored_documents(data)
    return _shown(data, documents, known(documents, name))


def add_destination(data: Path, name: str, given: Mapping[str, Any], permit: Permit) -> dict[str, Any]:
    """Make a destination.

    Raises:
        NameTaken: there is one of this name.
        ConfigurationError: it cannot be used; here is everything that is wrong.
        UsageError: `permit` refuses, or the folder holds no data.
    """

    def change(kept: Listed) -> Listed:
        if find(kept, KIND, name) is not None:
            raise NameTaken(
                f"There is a destination {name} already: choose another name, or change that one."
            )
        bare = Written(KIND, name, OWNER, {"name": name, "type": given.get("type", "")})
        return put(kept, amended(bare, given))

    amend(data, KIND, name, change, permit)
    return destination(data, name)


def change_destination(
    data: Path, name: str, given: Mapping[str, Any], permit: Permit, *, dry_run: bool = False
) -> dict[str, Any]:
    """Change what is given of a destination: the rest stays, of the settings too; null is the default. With
    `dry_run` nothing is put in force. Returns the places that changed, and what is odd.

    Raises:
        UnknownName: there is none of this name.
        OwnedByFile: it stands in the configuration file.
        ConfigurationError: it cannot be used so; here is everything that is wrong.
        UsageError: `permit` refuses, or the folder holds no data.
    """

    def change(kept: Listed) -> Listed:
        found = known(kept, name)
        refuse_file(found)
        return put(kept, amended(found, given))

    done = amend(data, KIND, name, change, permit, dry_run=dry_run)
    return {"changed": [one.place for one in done.changes], "warnings": listed(done.warnings)}


def remove_destination(data: Path, name: str, permit: Permit) -> None:
    """Take a destination out of force. What waits for it stays in the data folder, and is sent no more.

    Raises:
        UnknownName: there is none of this name.
        OwnedByFile: it stands in the configuration file.
        ConfigurationError: something else names it.
        UsageError: `permit` refuses, or the folder holds no data.
    """

    def change(kept: Listed) -> Listed:
        found = known(kept, name)
        refuse_file(found)
        return [one for one in kept if one is not found]

    amend(data, KIND, name, change, permit)


def amended(document: Written, given: Mapping[str, Any]) -> Written:
    """A destination's document with what is given in the place of what it said.

    Raises:
        ConfigurationError: something is sent back hidden that is not kept.
        UsageError: it would become a destination of another type.
    """
    body = dict(document.body)
    if given.get("type", body.get("type")) != body.get("type"):
        kept = f"{document.name} is of the type {body.get('type')}, which stays"
        raise UsageError(f"{kept}: make another destination, and remove this one when it is done.")
    for key in BESIDE:
        if key in given:
            body[key] = given[key]
    settings = {**(body.get("settings") or {}), **given.get("settings", {})}
    body["settings"] = {key: value for key, value in settings.items() if value is not None}
    body = {key: value for key, value in body.items() if value is not None}
    made, missing = revealed(replace(document, body=body), document)
    if missing:
        told = "is hidden, and none is kept here: give the value"
        places = [(join(steps), told) for steps in missing]
        listed_ = [f"{place}: {message}" for place, message in places]
        raise ConfigurationError(f"Destination {document.name}", listed_, places)
    return made


def listed(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
    """Problems by the place of the setting."""
    return [{"place": one.place, "message": one.message} for one in problems]


def _shown(data: Path, documents: list[Written], document: Written) -> dict[str, Any]:
    resolved = resolve(documents, os.environ, lenient=True)
    connected = resolved.configuration.destinations.get(document.name)
    body = hidden(document)
    settings = body.get("settings") or {}
    # One whose type is not installed is no destination, and blocked.
    told = described(data, connected) if connected is not None else _of_no_type(document)
    return {
        **told,
        "owner": document.owner,
        "paused": bool(body.get("paused", False)),
        "all_sources": body.get("sources") is None,
        "all_types": body.get("types") is None,
        "settings": settings,
        "secrets": sorted({str(steps[1]) for steps, _ in places_of(document) if len(steps) > 1}),
        "problems": listed(about(KIND, document.name, resolved.problems)),
        "warnings": listed(about(KIND, document.name, odd(resolved))),
    }


def _of_no_type(document: Written) -> dict[str, Any]:
    kind = str(document.body.get("type", ""))
    return {
        "name": document.name,
        "type": kind,
        "title": kind,
        "enabled": bool(document.body.get("enabled", True)),
        "sources": [],
        "types": [],
        "tells_fields": False,
        "state": "blocked",
        "reason": "configuration_invalid",
        "detail": f"No destination type {kind} is installed.",
        "remedy": "",
        "since": None,
        "next_try_at": None,
    }


def known(kept: list[Written], name: str) -> Written:
    """The document of this name.

    Raises:
        UnknownName: there is none.
    """
    found = find(kept, KIND, name)
    if found is None:
        names = ", ".join(sorted(one.name for one in kept if one.kind == KIND)) or "none"
        raise UnknownName(f"There is no destination {name}; configured are: {names}.")
    return found
