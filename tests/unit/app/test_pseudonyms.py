"""The key by which people are known again: made once, and never another one."""

from pathlib import Path

import pytest

from gainstage.app.pseudonyms import KEY_NAME, pseudonyms_of
from gainstage.errors import DataUnusable
from gainstage.store.store import Store


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = pseudonyms_of(tmp_path, store)
    again = pseudonyms_of(tmp_path, store)
    assert first.of("u:ann") == again.of("u:ann") != first.of("u:bob") and first.of("a:ann") != first.of(
        "u:ann"
    )
    assert (tmp_path / KEY_NAME).stat().st_mode & 0o077 == 0
    other = Store(tmp_path / "other")
    assert pseudonyms_of(tmp_path / "other", other).of("u:ann") != first.of("u:ann")
    store.close()
    other.close()


@pytest.mark.parametrize("key", [None, b"x" * 32, b"cut"])
def test_without_the_key_that_the_store_knows_nothing_starts(tmp_path: Path, key: bytes | None) -> None:
    store = Store(tmp_path)
    pseudonyms_of(tmp_path, store)
    (tmp_path / KEY_NAME).unlink()
    if key is not None:
        (tmp_path / KEY_NAME).write_bytes(key)
    with pytest.raises(DataUnusable) as refusal:
        pseudonyms_of(tmp_path, store)
    assert KEY_NAME in str(refusal.value) and "backup" in str(refusal.value)
    assert (tmp_path / KEY_NAME).exists() == (key is not None)
    store.close()
