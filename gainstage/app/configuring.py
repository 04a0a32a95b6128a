"""The configuration: from a file into the data folder, and from there into force."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from gainstage.app.folder import is_held, prepare
from gainstage.app.memberships import refused_keys
from gainstage.app.sealing import seal_of
from gainstage.configuration import (
    Change,
    Outline,
    Seal,
    changes_between,
    load,
    outline,
    parts,
    resolve,
    settle,
)
from gainstage.configuration import Document as Written
from gainstage.configuration import export as exported
from gainstage.configuration.reader import SECTIONS
from gainstage.connection import Configuration, Connected
from gainstage.errors import ConfigurationError, DataUnusable, UnknownName, UsageError
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import Document
from gainstage.store.store import NoStore, Store

#: Is shown what would change, and raises where that may not be.
Permit = Callable[[Sequence[Change]], None]


def apply(data: Path, config: Path | Outline, permit: Permit = lambda changes: None) -> dict[str, Any]:
    """Put a file in force on a data folder; a running server takes it over within a second. `permit` is shown
    what would change, and raises where that may not be.

    Raises:
        UsageError: the file or the folder cannot be used.
    """
    file = outline(config) if isinstance(config, Path) else config
    try:
        store = Store(prepare(data))
    except (StorageUnavailable, NoStore) as error:
        raise DataUnusable(str(error)) from None
    try:
        changed, warnings, configuration = take_over(store, file, seal_of(data, make=True), permit)
    finally:
        store.close()
    return {
        "changed": changed,
        "warnings": warnings,
        "sources": len(configuration.sources),
        "destinations": len(configuration.destinations),
    }


def export(data: Path) -> str:
    """The configuration in force as a file, secrets as references.

    Raises:
        UsageError: the folder holds no data.
    """
    return exported(stored_documents(data))


def export_parts(data: Path) -> dict[str, Any]:
    """What stands in that file.

    Raises:
        UsageError: the folder holds no data.
    """
    return parts(stored_documents(data))


def named(configuration: Configuration, name: str) -> Connected:
    """The destination of this name.

    Raises:
        UnknownName: there is none.
    """
    found = configuration.destinations.get(name)
    if found is None:
        names = ", ".join(sorted(configuration.destinations)) or "none"
        raise UnknownName(f"There is no destination {name}; configured are: {names}.")
    return found


def stored_documents(data: Path) -> list[Written]:
    """What is configured in a data folder, with the secrets in the open.

    Raises:
        UsageError: the folder holds no data, or cannot be read.
    """
    try:
        store = Store(data, create=False)
    except (StorageUnavailable, NoStore) as error:
        raise DataUnusable(f"{error} Start `gainstage serve`, or name the folder with --data.") from None
    try:
        with store.transaction() as transaction:
            return seal_of(data).opened(transaction.documents.all())
    finally:
        store.close()


def take_over(
    store: Store, file: Outline, seal: Seal, permit: Permit = lambda changes: None
) -> tuple[bool, list[str], Configuration]:
    """Let a file's documents stand for all that files gave before, their secrets sealed. Returns changed,
    warnings, configuration.

    Raises:
        UsageError: something in the file is wrong; nothing was changed.
    """
    with store.transaction() as transaction:
        before = transaction.documents.revision()
        kept = seal.opened(transaction.documents.all())
        said = {(document.kind, document.name) for document in file.documents if document.kind in SECTIONS}
        # A section of the file takes the dashboard's place; of all else there may be one of a name.
        beside = [one for one in kept if one.owner != "file" and (one.kind, one.name) not in said]
        # Before anything is expanded: what is said of a value must not tell what the environment holds.
        permit(changes_between([one for one in kept if one.owner == "file"], file.documents))
        loaded = settle(file, os.environ, beside=beside)
        wrong = refused_keys(store.folder, loaded.configuration.computations)
        if wrong:
            raise ConfigurationError(file.name, wrong)
        revision = transaction.documents.replace(_rows(seal.sealed(loaded.documents)), "file")
    return revision != before, [str(warning) for warning in loaded.warnings], loaded.configuration


def in_force(
    store: Store, config: Path | None, seal: Seal, permit: Permit = lambda changes: None
) -> tuple[Configuration, list[str]]:
    """The configuration to run with: the file's, taken over, else what the data folder holds. Every
    problem raises.

    Raises:
        UsageError: something is wrong with it.
    """
    if config is not None:
        _, warnings, configuration = take_over(store, outline(config), seal, permit)
        return configuration, warnings
    with store.transaction() as transaction:
        documents, revision = transaction.documents.all(), transaction.documents.revision()
    resolved = resolve(seal.opened(documents), os.environ, revision=revision)
    return resolved.configuration, [str(warning) for warning in resolved.warnings]


def read_only(data: Path, config: Path | None) -> tuple[Configuration, list[str]]:
    """The configuration that a file or a data folder describes, without changing anything.

    Raises:
        UsageError: there is none, or something is wrong with it.
    """
    if config is not None:
        loaded = load(config, os.environ)
        wrong = refused_keys(data, loaded.configuration.computations)
        if wrong:
            raise ConfigurationError(str(config), wrong)
        return loaded.configuration, [str(warning) for warning in loaded.warnings]
    try:
        documents = stored_documents(data)
    except UsageError:
        raise UsageError(
            "There is no configuration: write a gainstage.yaml here, or name one with --config."
        ) from None
    resolved = resolve(documents, os.environ)
    return resolved.configuration, [str(warning) for warning in resolved.warnings]


def refuse_other_file(data: Path, config: Path | None) -> None:
    """Beside a running server its configuration holds.

    Raises:
        UsageError: the file says something else than the server runs with.
    """
    if config is None or not is_held(data):
        return
    wanted = _rows(load(config, os.environ).documents)
    running = _rows(document for document in stored_documents(data) if document.owner == "file")
    if sorted(wanted, key=_name) != sorted(running, key=_name):
        raise UsageError(
            f"A server runs on {data} with another configuration than {config}; "
            f"leave out --config, or put the file in force with: gainstage apply -f {config}"
        )


def seal_anew(store: Store, seal: Seal) -> None:
    """Seal with the key in force what was sealed with a former one, or was kept in the open by an earlier
    version; of that nothing is left in the files.
    """
    with store.transaction() as transaction:
        kept = transaction.documents.all()
        anew = _rows(seal.sealed(seal.opened(kept)))
        if anew == kept:
            return
        for owner in {document.owner for document in anew}:
            transaction.documents.replace([one for one in anew if one.owner == owner], owner)
    store.scrub()


def configurer(data: Path) -> Callable[[Sequence[Document], int], Configuration]:
    """How an engine turns stored documents into a configuration: what cannot be used is blocked, not
    fatal. Later ones are warned of; of the first, whoever started the engine has warned.
    """
    started = False

    def configure(documents: Sequence[Document], revision: int) -> Configuration:
        nonlocal started
        resolved = resolve(opened(data, documents), os.environ, revision=revision, lenient=True)
        for warning in resolved.warnings if started else ():
            _warn(str(warning))
        started = True
        return resolved.configuration

    return configure


def opened(data: Path, documents: Sequence[Document]) -> Sequence[Written]:
    """With the secrets in the open; what cannot be opened blocks its destination, and no other."""
    try:
        return seal_of(data).opened(documents)
    except UsageError as error:
        _warn(str(error))
        return Seal([]).opened(documents)


def _rows(documents: Iterable[Written]) -> list[Document]:
    return [Document(one.kind, one.name, one.owner, dict(one.body)) for one in documents]


def _name(document: Document) -> tuple[str, str]:
    return document.kind, document.name


def _warn(problem: str) -> None:
    """Into the log."""
    # Here, since it takes a third of the time that a command takes to start, and few have anything to log.
    import structlog

    structlog.get_logger(__name__).warning("configuration_problem", problem=problem)
