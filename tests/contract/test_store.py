"""The store on one machine keeps the contract."""

from gainstage.testing.store_suite import StoreSuite


class TestSqliteStore(StoreSuite):
    opener = "gainstage.store.store:Store"
