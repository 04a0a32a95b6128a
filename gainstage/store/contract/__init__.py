"""The contract of the store: the present. `gainstage.testing.store_suite` tests what is said here.

One transaction is one step: everything in it becomes durable together when its block ends, or nothing does,
whether the block raised or the process was killed. Transactions of one store, from however many processes,
have one order, and each sees all of those before it. Whoever reads sees the store between two transactions,
never within one. A transaction has parts, one for each concern; it is used by one task, and never over an
await.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from gainstage.store.contract.accounts import Accounts
from gainstage.store.contract.alerts import Alerts
from gainstage.store.contract.audit import Audit
from gainstage.store.contract.budgets import Budgets
from gainstage.store.contract.calls import Calls
from gainstage.store.contract.forgetting import Forgetting
from gainstage.store.contract.intake import Intake, Names, PartitionLost
from gainstage.store.contract.keys import Keys
from gainstage.store.contract.lanes import Lanes
from gainstage.store.contract.ledger import Ledger
from gainstage.store.contract.records import Records
from gainstage.store.contract.replays import Replays
from gainstage.store.contract.retention import Retention
from gainstage.store.contract.schemas import Schemas
from gainstage.store.contract.settings import Destinations, Documents
from gainstage.store.contract.vocabulary import Vocabulary
from gainstage.store.reading import Reading

__all__ = [
    "Accounts",
    "Alerts",
    "Audit",
    "Budgets",
    "Calls",
    "Destinations",
    "Documents",
    "Forgetting",
    "Intake",
    "Keys",
    "Lanes",
    "Ledger",
    "Names",
    "PartitionLost",
    "Records",
    "Replays",
    "Retention",
    "Schemas",
    "Store",
    "Transaction",
    "Vocabulary",
]


class Transaction(Protocol):
    """What may be changed together."""

    @property
    def intake(self) -> Intake: ...

    @property
    def names(self) -> Names: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def records(self) -> Records: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def lanes(self) -> Lanes: ...

    @property
    def calls(self) -> Calls: ...

    @property
    def budgets(self) -> Budgets: ...

    @property
    def destinations(self) -> Destinations: ...

    @property
    def documents(self) -> Documents: ...

    @property
    def schemas(self) -> Schemas: ...

    @property
    def alerts(self) -> Alerts: ...

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def forgetting(self) -> Forgetting: ...

    @property
    def retention(self) -> Retention: ...

    @property
    def replays(self) -> Replays: ...

    @property
    def accounts(self) -> Accounts: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def reading(self) -> Reading: ...


class Store(Protocol):
    """One handle on the store; several processes may hold one each."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Everything or nothing; durable when the block has ended.

        Raises:
            StorageUnavailable: nothing was changed.
        """

    def rehearsal(self) -> AbstractContextManager[Transaction]:
        """A transaction of which nothing remains: to find out what something would come to."""

    def reading(self) -> AbstractContextManager[Reading]:
        """One consistent view, of all transactions that ended before and of no part of another."""

    def scrub(self) -> None:
        """Clean everything that was deleted out of the files. Others' transactions wait meanwhile.

        Raises:
            StorageUnavailable: there is no room for it now, or somebody else was busy for too long.
        """

    def count(self, texts: Sequence[bytes]) -> int | None:
        """How often texts (in lower case) stand in the files, in any letter case; None where nobody can
        look.
        """

    def close(self) -> None:
        """Let go of every resource."""
