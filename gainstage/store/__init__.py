"""The store: the present.

Readers' offsets, pending operations, ledger, budgets, identities, configuration.
"""

from gainstage.sqlite import StorageUnavailable
from gainstage.store.store import Store

__all__ = ["StorageUnavailable", "Store"]
