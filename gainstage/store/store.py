"""The store on one machine: SQLite in the data folder.

One transaction is one step of the engine: everything that it routes, reserves and settles becomes durable
together, or not at all. The parts of a transaction are small classes, one per concern.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import apsw

from gainstage.sqlite import (
    StorageUnavailable,
    connect,
    count_texts,
    emptied_journal,
    exclusively,
    explained,
    let_go,
)
from gainstage.store.accounts import Accounts
from gainstage.store.alerts import Alerts
from gainstage.store.audit import Audit
from gainstage.store.budgets import Budgets
from gainstage.store.calls import Calls
from gainstage.store.forgetting import Forgetting
from gainstage.store.intake import Intake, Names
from gainstage.store.keys import Keys
from gainstage.store.lanes import Lanes
from gainstage.store.ledger import Ledger
from gainstage.store.migrations import MIGRATIONS, SCHEMA_VERSION
from gainstage.store.reading import Reading
from gainstage.store.records import KnownNames, Records
from gainstage.store.replays import Replays
from gainstage.store.retention import Retention
from gainstage.store.schemas import Schemas
from gainstage.store.settings import Destinations, Documents
from gainstage.store.vocabulary import Vocabulary

FILE_NAME = "store.db"
#: Enough for the pages that a turn of the engine changes, so that none is written twice.
CACHE_KIB = 16 * 1024
#: Pages in the write-ahead log before they go into the database: fewer, larger checkpoints.
CHECKPOINT_PAGES = 4_000
#: How many record numbers are remembered between transactions.
REMEMBERED_RECORDS = 20_000


def schema() -> str:
    """The tables, as SQL."""
    return resources.files("gainstage.store").joinpath("schema.sql").read_text()


class NoStore(Exception):
    """The folder holds no data of this program."""


class Transaction:
    """What may be changed together."""

    def __init__(
        self,
        connection: apsw.Connection,
        names: dict[tuple[str, str], int],
        known: KnownNames,
    ) -> None:
        self.intake = Intake(connection)
        self.names = Names(connection, names)
        self.ledger = Ledger(connection)
        self.records = Records(connection, known)
        self.keys = Keys(connection, known)
        self.lanes = Lanes(connection)
        self.calls = Calls(connection)
        self.budgets = Budgets(connection)
        self.destinations = Destinations(connection)
        self.documents = Documents(connection)
        self.schemas = Schemas(connection)
        self.alerts = Alerts(connection)
        self.vocabulary = Vocabulary(connection, known.admitted)
        self.forgetting = Forgetting(connection, known, self.ledger, self.lanes, self.calls)
        self.retention = Retention(connection)
        self.replays = Replays(connection)
        self.accounts = Accounts(connection)
        self.audit = Audit(connection)
        self.reading = Reading(connection)
        self._connection = connection

    def flush(self) -> None:
        """Write what the parts have gathered; the last thing before the commit."""
        self.intake.flush()
        self.calls.flush()
        self.ledger.flush()
        self.vocabulary.flush()


class Store:
    """One handle on the store. Several processes may hold one each; writers take turns."""

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        """Open the store in the data folder, making it where `create` allows.

        Raises:
            NoStore: there is none and `create` is false.
            StorageUnavailable: the folder cannot be used, in one sentence.
        """
        self.folder = folder
        self._path = folder / FILE_NAME
        if not create and not self._path.exists():
            raise NoStore(f"{folder} holds no gainstage data.")
        with explained(self._path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = connect(self._path, cache_kib=CACHE_KIB)
        self._connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        # Numbers never change once they are committed, so they are remembered; after a failure they are
        # read again.
        self._names: dict[tuple[str, str], int] = {}
        self._known = KnownNames()
        with explained(self._path):
            self._migrate()

    def _migrate(self) -> None:
        if (version := self._version()) > SCHEMA_VERSION:
            raise NoStore(
                f"{self._path} was written by a newer gainstage (schema {version}); use that one or newer."
            )
        if version == SCHEMA_VERSION:
            return
        with self._exclusively():
            while (version := self._version()) < SCHEMA_VERSION:  # somebody else may have been quicker
                self._connection.execute(MIGRATIONS[version] if version else schema())
                version = version + 1 if version else SCHEMA_VERSION
                self._connection.execute(f"PRAGMA user_version = {version}")

    def _version(self) -> int:
        return int(self._connection.pragma("user_version"))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything or nothing; durable on the way out.

        Raises:
            StorageUnavailable: nothing was changed.
        """
        with explained(self._path), self._exclusively():
            if len(self._known.places) > REMEMBERED_RECORDS:
                self._known.clear()
            transaction = Transaction(self._connection, self._names, self._known)
            yield transaction
            transaction.flush()

    def scrub(self) -> None:
        """Clean everything that was deleted out of the files."""
        with explained(self._path):
            connection = connect(self._path, cache_kib=CACHE_KIB)
            try:
                connection.execute("PRAGMA temp_store=FILE")
                connection.execute("VACUUM")
                if not emptied_journal(connection):
                    raise StorageUnavailable(f"{self._path.name} is in use all the time; it is tried again.")
            finally:
                connection.close()

    def count(self, texts: Sequence[bytes]) -> int | None:
        """How often texts stand in the files."""
        with explained(self._path):
            return count_texts(self._path, texts)

    @contextmanager
    def rehearsal(self) -> Iterator[Transaction]:
        """A transaction of which nothing remains."""
        with explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection, self._names, self._known)
            finally:
                self._names.clear()
                self._known.clear()
                self._connection.execute("ROLLBACK")

    @staticmethod
    @contextmanager
    def passing() -> Iterator[Transaction]:
        """A transaction on an empty store in memory, gone at the end."""
        connection = apsw.Connection(":memory:")
        try:
            connection.execute(schema())
            yield Transaction(connection, {}, KnownNames())
        finally:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """One consistent view."""
        with explained(self._path):
            self._connection.execute("BEGIN")
            try:
                yield Reading(self._connection)
            finally:
                if self._connection.in_transaction:  # a failing disk may have ended it already
                    self._connection.execute("COMMIT")

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        try:
            with exclusively(self._connection):
                yield
        except BaseException:
            self._names.clear()
            self._known.clear()
            raise

    def close(self) -> None:
        """Let go of the file."""
        let_go(self._connection)
