"""What is set for the server as a whole, shown and changed without a file: one section at a time."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from gainstage.app.amending import OWNER, Listed, about, amend, find, put
from gainstage.app.configuring import Permit, stored_documents
from gainstage.app.connecting import listed
from gainstage.configuration import Document as Written
from gainstage.configuration import Problem, hidden, inputs_of, resolve, revealed
from gainstage.configuration.document import DocumentKind
from gainstage.configuration.operating import FORMS
from gainstage.configuration.places import join
from gainstage.configuration.retention import RetentionForm
from gainstage.configuration.secrets import places_of
from gainstage.errors import ConfigurationError, OwnedByFile, UnknownSection

#: The sections, in the order in which they are shown, and the models that judge them.
SECTIONS: Final[Mapping[DocumentKind, type[BaseModel]]] = {
    "alerts": FORMS["alerts"],
    "canary": FORMS["canary"],
    "retention": RetentionForm,
    "limits": FORMS["limits"],
    "traces": FORMS["traces"],
}


def sections(data: Path) -> list[dict[str, Any]]:
    """Each section: what is set in it, secrets hidden, who owns it (None: nobody set anything), the inputs of
    a form for it, and what is wrong with it.

    Raises:
        UsageError: the folder holds no data.
    """
    documents = stored_documents(data)
    resolved = resolve(documents, os.environ, lenient=True)
    return [_shown(kind, model, documents, resolved.problems) for kind, model in SECTIONS.items()]


def change_section(
    data: Path, section: str, given: Mapping[str, Any], permit: Permit, *, dry_run: bool = False
) -> dict[str, Any]:
    """Change what is given of a section: the rest stays; null is the default. With `dry_run` nothing is put
    in force. Returns the places that changed, and what is odd.

    Raises:
        UnknownSection: there is none of this name.
        OwnedByFile: it stands in the configuration file.
        ConfigurationError: it cannot be used so; here is everything that is wrong.
        UsageError: `permit` refuses, or the folder holds no data.
    """
    kind = _known(section)

    def change(kept: Listed) -> Listed:
        before = find(kept, kind, "") or Written(kind, "", OWNER, {})
        _refuse_file(before)
        body = {key: value for key, value in {**before.body, **given}.items() if value is not None}
        made, missing = revealed(replace(before, body=body), before)
        if missing:
            told = "is hidden, and none is kept here: give the value"
            places = [(join(steps), told) for steps in missing]
            raise ConfigurationError(kind, [f"{place}: {message}" for place, message in places], places)
        return put(kept, made)

    done = amend(data, kind, "", change, permit, dry_run=dry_run)
    return {"changed": [one.place for one in done.changes], "warnings": listed(done.warnings)}


def reset_section(data: Path, section: str, permit: Permit) -> None:
    """Set nothing in a section any more: what it says by default holds; without a canary or traces there are
    none.

    Raises:
        UnknownSection: there is none of this name.
        OwnedByFile: it stands in the configuration file.
        UsageError: `permit` refuses, or the folder holds no data.
    """
    kind = _known(section)

    def change(kept: Listed) -> Listed:
        found = find(kept, kind, "")
        if found is not None:
            _refuse_file(found)
        return [one for one in kept if one is not found]

    amend(data, kind, "", change, permit)


def _known(section: str) -> DocumentKind:
    for kind in SECTIONS:
        if kind == section:
            return kind
    raise UnknownSection(f"There is no section {section[:40]}: it is one of {', '.join(SECTIONS)}.")


def _refuse_file(document: Written) -> None:
    if document.owner != OWNER:
        raise OwnedByFile(f"{document.kind} stands in the configuration file: change it there, and apply it.")


def _shown(
    kind: DocumentKind, model: type[BaseModel], documents: Listed, problems: tuple[Problem, ...]
) -> dict[str, Any]:
    found = find(documents, kind, "")
    return {
        "section": kind,
        "about": " ".join((model.__doc__ or "").split()),
        "owner": found.owner if found is not None else None,
        "settings": dict(hidden(found)) if found is not None else {},
        "secrets": sorted({str(steps[0]) for steps, _ in places_of(found)}) if found is not None else [],
        "inputs": inputs_of(model),
        "problems": listed(about(kind, "", problems)),
    }
