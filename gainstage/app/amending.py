"""Documents that are made outside of the file: changed one at a time, if that breaks nothing."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from gainstage.app.configuring import Permit
from gainstage.app.sealing import seal_of
from gainstage.configuration import Change, Owner, Problem, Resolved, changes_between, resolve
from gainstage.configuration import Document as Written
from gainstage.errors import ConfigurationError, DataUnusable, OwnedByFile
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import Document
from gainstage.store.store import NoStore, Store

OWNER: Owner = "dashboard"
Listed = list[Written]


class Amended(NamedTuple):
    """What was changed, or would be, and what is odd about it then."""

    changes: tuple[Change, ...]
    warnings: tuple[Problem, ...]


def amend(
    data: Path,
    kind: str,
    name: str,
    change: Callable[[Listed], Listed],
    permit: Permit = lambda changes: None,
    *,
    dry_run: bool = False,
) -> Amended:
    """Change the documents of the dashboard because of one of them, if nothing has a problem then that it had
    not before. `permit` is shown what would change, and raises where that may not be.

    Raises:
        ConfigurationError: something would not work any more; here is all of it.
        UsageError: the data folder cannot be used, or `change` or `permit` refuses.
    """
    with documents_of(data) as (kept, keep):
        changed = change(list(kept))
        changes = tuple(changes_between(kept, changed))
        permit(changes)  # before anything is expanded: a problem must not tell what the environment holds
        known = {str(one) for one in resolve(kept, os.environ, lenient=True).problems}
        resolved = resolve(changed, os.environ, lenient=True)
        refuse(kind, name, [one for one in resolved.problems if str(one) not in known])
        if not dry_run:
            keep(changed)
    return Amended(changes, about(kind, name, odd(resolved)))


@contextmanager
def documents_of(data: Path) -> Iterator[tuple[Listed, Callable[[Listed], None]]]:
    """All documents, and what keeps those of the dashboard among others; in one transaction.

    Raises:
        DataUnusable: the folder holds no data, or cannot be used.
    """
    try:
        store, seal = Store(data, create=False), seal_of(data, make=True)
    except (StorageUnavailable, NoStore) as error:
        raise DataUnusable(str(error)) from None
    try:
        with store.transaction() as transaction:

            def keep(changed: Listed) -> None:
                own = seal.sealed([one for one in changed if one.owner == OWNER])
                rows = [Document(one.kind, one.name, one.owner, dict(one.body)) for one in own]
                transaction.documents.replace(rows, OWNER)

            yield [Written.of(one) for one in seal.opened(transaction.documents.all())], keep
    finally:
        store.close()


def odd(resolved: Resolved) -> list[Problem]:
    """What is odd and keeps nothing from working."""
    return [one for one in resolved.warnings if one.harmless]


def about(kind: str, name: str, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those of a document, by the place inside of it."""
    address = f"{kind} {name}".rstrip()
    return tuple(
        replace(one, place=one.place.removeprefix(address).removeprefix("."))
        for one in problems
        if one.place == address or one.place.startswith((f"{address}.", f"{address}["))
    )


def refuse(kind: str, name: str, problems: Sequence[Problem]) -> None:
    """Return if there is none.

    Raises:
        ConfigurationError: there is, told by the place inside of the document that is changed.
    """
    if problems:
        mine = about(kind, name, problems)
        address = f"{kind} {name}".rstrip()
        listed = [str(one) for one in mine]
        listed += [str(one) for one in problems if not about(kind, name, [one])]
        told = [(one.place, one.message) for one in mine]
        raise ConfigurationError(address[:1].upper() + address[1:], listed, told)


def find(kept: Iterable[Written], kind: str, name: str) -> Written | None:
    """The document of this name."""
    return next((one for one in kept if (one.kind, one.name) == (kind, name)), None)


def refuse_file(document: Written) -> None:
    """Return if it was made outside of the file.

    Raises:
        OwnedByFile: the file has it.
    """
    if document.owner != OWNER:
        sentence = "stands in the configuration file: change it there, and apply it."
        raise OwnedByFile(f"{document.name} {sentence}")


def put(kept: Listed, document: Written) -> Listed:
    """The documents with this one in the place of the one of its name, else at the end."""
    same = (document.kind, document.name)
    if find(kept, *same) is None:
        return [*kept, document]
    return [document if (one.kind, one.name) == same else one for one in kept]
