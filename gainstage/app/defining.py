"""Definitions that are made over the management API: put in force, paused, removed."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gainstage.app.amending import OWNER, Listed, documents_of
from gainstage.app.estimating import SENT, outline_of_one
from gainstage.app.memberships import refused_keys
from gainstage.app.surveying import KINDS, key_in, unknown
from gainstage.configuration import Document as Written
from gainstage.configuration import resolve
from gainstage.errors import ConfigurationError, OwnedByFile, UsageError


def define(data: Path, key: str, given: Mapping[str, Any]) -> None:
    """Put a definition in force under this key, or another one in its place.

    Raises:
        OwnedByFile: the configuration file has one of this key.
        ConfigurationError: it cannot be used; here is everything that is wrong.
        UsageError: it has another form, or the data folder cannot be used.
    """
    (document,) = outline_of_one(given, SENT).documents
    body = {**document.body}
    if body.setdefault("key", key) != key:
        raise UsageError(f"The definition's key is {body['key']!r}, and the address says {key}.")
    made = Written(document.kind, document.name, OWNER, body, document.kind)

    def change(kept: Listed) -> Listed:
        _refuse_file(kept, key)
        rest = [one for one in kept if one.kind not in KINDS or key_in(one) != key]
        taken = [one for one in rest if (one.kind, one.name) == (made.kind, made.name)]
        if taken:
            raise ConfigurationError(SENT, [f"name: {made.name} is that of {key_in(taken[0])} already"])
        return [*rest, made]

    _change(data, change, key)


def pause_audience(data: Path, key: str, *, paused: bool) -> None:
    """Hold what it says, or let it go on.

    Raises:
        UnknownComputation: there is none of this key.
        OwnedByFile: it stands in the configuration file.
    """

    def change(kept: Listed) -> Listed:
        found = _own(kept, key)
        held = Written(found.kind, found.name, OWNER, {**found.body, "paused": paused})
        return [held if one is found else one for one in kept]

    _change(data, change)


def remove_audience(data: Path, key: str) -> None:
    """Take a definition out of force. Its key is not given again.

    Raises:
        UnknownComputation: there is none of this key.
        OwnedByFile: it stands in the configuration file.
        ConfigurationError: another one names it.
    """

    def change(kept: Listed) -> Listed:
        found = _own(kept, key)
        return [one for one in kept if one is not found]

    _change(data, change)


def _change(data: Path, change: Callable[[Listed], Listed], key: str | None = None) -> None:
    """Change the documents of the dashboard, if definitions have no problem then that they had not before.
    With a key: it must be usable then.
    """
    with documents_of(data) as (kept, keep):
        before = {str(one) for one in resolve(kept, os.environ, lenient=True).warnings}
        changed = change(kept)
        resolved = resolve(changed, os.environ, lenient=True)
        found = {one.key: one for one in resolved.configuration.computations}
        problems = [
            str(one) for one in resolved.warnings if one.place.startswith(KINDS) and str(one) not in before
        ]
        if key in found:
            problems += refused_keys(data, [found[key]])
        if problems or (key is not None and key not in found):
            raise ConfigurationError(SENT, problems or ["it cannot be used"])
        keep(changed)


def _own(kept: Listed, key: str) -> Written:
    _refuse_file(kept, key)
    computed = {key_in(one): one for one in kept if one.kind in KINDS}
    if key not in computed:
        raise unknown(key, list(computed))
    return computed[key]


def _refuse_file(kept: Listed, key: str) -> None:
    for one in kept:
        if one.kind in KINDS and one.owner != OWNER and key_in(one) == key:
            raise OwnedByFile(f"{key} stands in the configuration file: change it there, and apply it.")
