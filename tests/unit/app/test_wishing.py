"""Computing now, without a server."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from gainstage.app import apply, compute_now
from gainstage.app.computing import FULFILLED
from gainstage.app.trying import send_event
from gainstage.computing.state import FOLDER_NAME, State
from gainstage.errors import UsageError
from gainstage.history.index import ArchiveUnavailable
from gainstage.store.reading import Reading
from gainstage.store.store import Store
from tests.unit.app.conftest import Written

PAYING = {
    "name": "Paying",
    "where": {"trait": "plan", "operator": "equals", "value": "pro"},
    "destinations": ["clickstream"],
}


@pytest.fixture
def data(written: Written) -> Any:
    """A folder with an audience in force and an event that makes somebody a member."""
    config = written("clickstream")
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), "audiences": [PAYING]}))
    folder = config.parent / "data"
    Store(folder).close()
    apply(folder, config)
    message = {"type": "identify", "userId": "ann", "traits": {"plan": "pro"}}
    send_event(folder, "app", json.dumps(message).encode())
    return folder


def test_nobody_uses_a_store_while_archiving_asks_it_in_a_thread(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine goes on meanwhile: on one handle the two would be in each other's transactions."""
    begun, asked, users = Store.reading, [], dict[int, int]()

    @contextmanager
    def slow(self: Store) -> Iterator[Reading]:
        others = [thread for thread, store in users.items() if store == id(self)]
        assert others == [], "somebody else is in a transaction of this store"
        users[threading.get_ident()] = id(self)
        try:
            with begun(self) as reading:
                if threading.current_thread() is not threading.main_thread():
                    asked.append(self)
                    time.sleep(0.3)
                yield reading
        finally:
            del users[threading.get_ident()]

    monkeypatch.setattr(Store, "reading", slow)
    found = compute_now(data)
    assert asked, "archiving asks in a thread"
    assert [(one["key"], one["size"]) for one in found["audiences"]] == [("paying", 1)]


def test_beside_a_server_what_was_accepted_is_waited_for_also_before_it_is_routed(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute_now(data)
    compute_now(data)  # what the first one said is archived, too
    state = State(data / FOLDER_NAME)
    with state.transaction():
        state.put(FULFILLED, 100)  # the server has computed since, with what it knew
    state.close()
    monkeypatch.setattr("gainstage.app.wishing.is_held", lambda _: True)
    assert compute_now(data, wait_seconds=0.2)["done"]
    send_event(data, "app", json.dumps({"type": "identify", "userId": "bob"}).encode())
    assert not compute_now(data, wait_seconds=0.2)["done"]


def test_an_archive_that_cannot_be_written_is_told(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise ArchiveUnavailable("The disk is full.")

    monkeypatch.setattr("gainstage.history.archive.Archive.append", full)
    with pytest.raises(UsageError, match=r"^Nothing more can be archived now: The disk is full\.$"):
        compute_now(data)
