"""Sources: as they are shown, made, changed and removed without a file; their write keys, and what came."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from gainstage.app.amending import OWNER, Listed, about, amend, find, odd, put, refuse_file
from gainstage.app.configuring import Permit, stored_documents
from gainstage.app.connecting import listed
from gainstage.app.folder import opened_store
from gainstage.app.newest import newest_by_source
from gainstage.configuration import HIDDEN, Resolved, resolve
from gainstage.configuration import Document as Written
from gainstage.errors import ConfigurationError, KeyReplaced, NameTaken, UnknownKey, UnknownSource
from gainstage.setting import fingerprint

KIND: Final = "source"
#: What is given of a source beside its keys; null is the default.
GIVEN = ("kind", "origins", "rate_limit", "enabled", "oauth")
#: Kinds whose write key everybody can read: it stands in pages, or within apps.
OPEN_KINDS = ("web", "mobile")
KEY_BYTES = 16


def sources(data: Path) -> list[dict[str, Any]]:
    """Every source, with what came from it.

    Raises:
        UsageError: the folder holds no data.
    """
    documents = stored_documents(data)
    return _shown(data, documents, [one for one in documents if one.kind == KIND])


def source(data: Path, name: str) -> dict[str, Any]:
    """One of them.

    Raises:
        UnknownSource: there is none of this name.
        UsageError: the folder holds no data.
    """
    documents = stored_documents(data)
    (found,) = _shown(data, documents, [_known(documents, name)])
    return found


def add_source(data: Path, name: str, given: Mapping[str, Any], permit: Permit) -> dict[str, Any]:
    """Make a source. The answer has its write key: the one given, else one that is made now.

    Raises:
        NameTaken: there is one of this name.
        ConfigurationError: it cannot be used; here is everything that is wrong.
        UsageError: `permit` refuses, or the folder holds no data.
    """
    key = given.get("write_key") or new_key()

    def change(kept: Listed) -> Listed:
        if find(kept, KIND, name) is not None:
            raise NameTaken(f"There is a source {name} already: choose another name, or change that one.")
        bare = Written(KIND, name, OWNER, {"name": name, "write_key": _usable(name, key)})
        return put(kept, _amended(bare, given))

    amend(data, KIND, name, change, permit)
    return {**source(data, name), "write_key": key}


def change_source(
    data: Path, name: str, given: Mapping[str, Any], permit: Permit, *, dry_run: bool = False
) -> dict[str, Any]:
    """Change what is given of a source; the rest stays, its keys too. With `dry_run` nothing is put in force.
    Returns the places that changed, and what is odd.

    Raises:
        UnknownSource: there is none of this name.
        OwnedByFile: it stands in the configuration file.
        ConfigurationError: it cannot be used so; here is everything that is wrong.
        UsageError: `permit` refuses, or the folder holds no data.
    """

    def change(kept: Listed) -> Listed:
        return put(kept, _amended(_own(kept, name), given))

    done = amend(data, KIND, name, change, permit, dry_run=dry_run)
    return {"changed": [one.place for one in done.changes], "warnings": listed(done.warnings)}


def remove_source(data: Path, name: str, permit: Permit) -> None:
    """Take a source out of force: its write keys are nobody's then.

    Raises:
        UnknownSource: there is none of this name.
        OwnedByFile: it stands in the configuration file.
        ConfigurationError: something else names it.
        UsageError: `permit` refuses, or the folder holds no data.
    """

    def change(kept: Listed) -> Listed:
        found = _own(kept, name)
        # Told so, since the destination's own problem would not say what to do.
        fed = [
            one.name for one in kept if one.kind == "destination" and name in (one.body.get("sources") or ())
        ]
        if fed:
            sentence = f"feeds {', '.join(fed)}: take it out of the sources there first"
            raise ConfigurationError(
                f"Without source {name} the configuration", [f"source {name} {sentence}"]
            )
        return [one for one in kept if one is not found]

    amend(data, KIND, name, change, permit)


def rotate_key(data: Path, name: str, permit: Permit, *, replaces: str | None = None) -> dict[str, Any]:
    """Give a source a new write key; the one before is still taken until `remove_key`. The answer has the new
    one. Who says which key it `replaces`, by its id, makes one key however often it is asked for.

    Raises:
        UnknownSource: there is none of this name.
        KeyReplaced: the key that is to be replaced is not the current one.
        OwnedByFile: it stands in the configuration file.
        ConfigurationError: too many former keys are still taken.
        UsageError: `permit` refuses, or the folder holds no data.
    """
    key = new_key()

    def change(kept: Listed) -> Listed:
        found = _own(kept, name)
        if replaces is not None and replaces != _current_id(kept, name):
            sentence = "is not its current one: it was renewed already"
            raise KeyReplaced(f"The write key {replaces} of the source {name} {sentence}.")
        former = [found.body["write_key"], *found.body.get("old_write_keys", ())]
        return put(kept, replace(found, body={**found.body, "write_key": key, "old_write_keys": former}))

    amend(data, KIND, name, change, permit)
    return {**source(data, name), "write_key": key}


def remove_key(data: Path, name: str, key_id: str, permit: Permit) -> None:
    """Take a former write key no more.

    Raises:
        UnknownSource: there is no such source.
        UnknownKey: it has no former key of this id.
        OwnedByFile: the source stands in the configuration file.
        UsageError: `permit` refuses, or the folder holds no data.
    """

    def change(kept: Listed) -> Listed:
        found = _own(kept, name)
        connected = resolve(kept, os.environ, lenient=True).configuration.sources.get(name)
        taken = connected.old_write_keys if connected is not None else ()
        former = list(found.body.get("old_write_keys", ()))
        left = [text for text, key in zip(former, taken, strict=False) if key_id_of(key) != key_id]
        if not taken or len(left) == len(former):
            raise UnknownKey(f"The source {name} has no former write key {key_id} that is still taken.")
        body = {**found.body, "old_write_keys": left}
        if not left:
            del body["old_write_keys"]
        return put(kept, replace(found, body=body))

    amend(data, KIND, name, change, permit)


def new_key() -> str:
    """A write key that nobody has."""
    return secrets.token_hex(KEY_BYTES)


def key_id_of(key: str) -> str:
    """Tells keys apart without telling them."""
    return fingerprint(SecretStr(key))


def _amended(document: Written, given: Mapping[str, Any]) -> Written:
    body = {**document.body, **{key: given[key] for key in GIVEN if key in given}}
    return replace(document, body={key: value for key, value in body.items() if value is not None})


def _usable(name: str, key: str) -> str:
    if key == HIDDEN:
        told = "is hidden, and none is kept here: leave it out, and one is made"
        places = [("write_key", told)]
        raise ConfigurationError(f"Source {name}", [f"write_key: {told}"], places)
    return key


def _current_id(kept: Listed, name: str) -> str | None:
    connected = resolve(kept, os.environ, lenient=True).configuration.sources.get(name)
    return key_id_of(connected.write_key) if connected is not None else None


def _own(kept: Listed, name: str) -> Written:
    found = _known(kept, name)
    refuse_file(found)
    return found


def _known(kept: Listed, name: str) -> Written:
    found = find(kept, KIND, name)
    if found is None:
        names = ", ".join(sorted(one.name for one in kept if one.kind == KIND)) or "none"
        raise UnknownSource(f"There is no source {name}; configured are: {names}.")
    return found


def _shown(data: Path, documents: Listed, wanted: Listed) -> list[dict[str, Any]]:
    resolved = resolve(documents, os.environ, lenient=True)
    with opened_store(data) as store, store.reading() as reading:
        counters, met_none = reading.counters(), reading.met_none()
    received: dict[str, dict[str, int]] = {}
    for (name, destination), counts in counters.items():
        received.setdefault(name, {})[destination] = sum(counts.values())
    newest = newest_by_source(data, {one.name for one in wanted})
    return [
        {
            **_described(one, resolved),
            "received": [
                {"destination": destination, "events": n}
                for destination, n in sorted(received.get(one.name, {}).items())
            ],
            **met_none.get(one.name, {"refused": 0, "duplicates": 0}),
            "newest": newest.get(one.name),
        }
        for one in wanted
    ]


def _described(document: Written, resolved: Resolved) -> dict[str, Any]:
    body, name = document.body, document.name
    found = resolved.configuration.sources.get(name)
    keys = (found.write_key, *found.old_write_keys) if found is not None else ()
    shown = body.get("kind") in OPEN_KINDS
    return {
        "name": name,
        "kind": str(body.get("kind", "")),
        "owner": document.owner,
        "enabled": bool(body.get("enabled", True)),
        "origins": list(body.get("origins") or ()),
        "rate_limit": body.get("rate_limit"),
        "oauth": body.get("oauth"),
        "write_key": keys[0] if keys and shown else None,
        "keys": [
            {"id": key_id_of(key), "current": index == 0, "write_key": key if shown else None}
            for index, key in enumerate(keys)
        ],
        "feeds": sorted(
            one.name for one in resolved.configuration.destinations.values() if name in one.sources
        ),
        "problems": listed(about(KIND, name, resolved.problems)),
        "warnings": listed(about(KIND, name, odd(resolved))),
    }
