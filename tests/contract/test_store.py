"""The store on one machine keeps the contract."""

from pathlib import Path

import apsw
import pytest

from gainstage.sqlite import StorageUnavailable
from gainstage.store.store import Store
from gainstage.testing.store_suite import StoreSuite


class TestSqliteStore(StoreSuite):
    opener = "gainstage.store.store:Store"


def test_a_view_that_a_failing_disk_has_ended_is_one_sentence_and_the_next_one_works(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(StorageUnavailable), store.reading():
        store._connection.execute("ROLLBACK")  # what SQLite does then
        raise apsw.IOError("disk I/O error")
    with store.reading() as reading:
        assert reading.revision() == 0
    store.close()
