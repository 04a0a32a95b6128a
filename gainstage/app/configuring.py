"""The configuration: from a file into the data folder, and from there into force."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import structlog

from gainstage.app.folder import is_held, prepare
from gainstage.configuration import Document as Written
from gainstage.configuration import Outline, load, outline, parts, resolve, settle
from gainstage.configuration import export as exported
from gainstage.connection import Configuration, Connected
from gainstage.errors import DataUnusable, UnknownName, UsageError
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import Document
from gainstage.store.store import NoStore, Store

logger = structlog.get_logger(__name__)


def apply(data: Path, config: Path | Outline) -> dict[str, Any]:
    """Put a file in force on a data folder; a running server takes it over within a second.

    Raises:
        UsageError: the file or the folder cannot be used.
    """
    file = outline(config) if isinstance(config, Path) else config
    try:
        store = Store(prepare(data))
    except (StorageUnavailable, NoStore) as error:
        raise DataUnusable(str(error)) from None
    try:
        changed, warnings, configuration = take_over(store, file)
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


def export_parts(data: Path) -> dict[str, list[dict[str, Any]]]:
    """The sources and destinations of that file.

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


def stored_documents(data: Path) -> list[Document]:
    """What is configured in a data folder.

    Raises:
        UsageError: the folder holds no data, or cannot be read.
    """
    try:
        store = Store(data, create=False)
    except (StorageUnavailable, NoStore) as error:
        raise DataUnusable(f"{error} Start `gainstage serve`, or name the folder with --data.") from None
    try:
        with store.transaction() as transaction:
            return transaction.documents.all()
    finally:
        store.close()


def take_over(store: Store, file: Outline) -> tuple[bool, list[str], Configuration]:
    """Let a file's documents stand for all that files gave before. Returns changed, warnings, configuration.

    Raises:
        UsageError: something in the file is wrong; nothing was changed.
    """
    with store.transaction() as transaction:
        before = transaction.documents.revision()
        beside = [document for document in transaction.documents.all() if document.owner != "file"]
        loaded = settle(file, os.environ, beside=beside)
        revision = transaction.documents.replace(_rows(loaded.documents), "file")
    return revision != before, [str(warning) for warning in loaded.warnings], loaded.configuration


def in_force(store: Store, config: Path | None) -> tuple[Configuration, list[str]]:
    """The configuration to run with: the file's, taken over, else what the data folder holds. Every
    problem raises.

    Raises:
        UsageError: something is wrong with it.
    """
    if config is not None:
        _, warnings, configuration = take_over(store, outline(config))
        return configuration, warnings
    with store.transaction() as transaction:
        documents, revision = transaction.documents.all(), transaction.documents.revision()
    resolved = resolve(documents, os.environ, revision=revision)
    return resolved.configuration, [str(warning) for warning in resolved.warnings]


def read_only(data: Path, config: Path | None) -> tuple[Configuration, list[str]]:
    """The configuration that a file or a data folder describes, without changing anything.

    Raises:
        UsageError: there is none, or something is wrong with it.
    """
    if config is not None:
        loaded = load(config, os.environ)
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
    running = [document for document in stored_documents(data) if document.owner == "file"]
    if sorted(wanted, key=_name) != sorted(running, key=_name):
        raise UsageError(
            f"A server runs on {data} with another configuration than {config}; "
            f"leave out --config, or put the file in force with: gainstage apply -f {config}"
        )


def configurer() -> Callable[[Sequence[Document], int], Configuration]:
    """How an engine turns stored documents into a configuration: what cannot be used is blocked, not
    fatal. Later ones are warned of; of the first, whoever started the engine has warned.
    """
    started = False

    def configure(documents: Sequence[Document], revision: int) -> Configuration:
        nonlocal started
        resolved = resolve(documents, os.environ, revision=revision, lenient=True)
        for warning in resolved.warnings if started else ():
            logger.warning("configuration_problem", problem=str(warning))
        started = True
        return resolved.configuration

    return configure


def _rows(documents: Iterable[Written]) -> list[Document]:
    return [Document(one.kind, one.name, one.owner, dict(one.body)) for one in documents]


def _name(document: Document) -> tuple[str, str]:
    return document.kind, document.name
