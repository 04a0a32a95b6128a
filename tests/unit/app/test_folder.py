"""The data folder: who may hold it, and one clear sentence for each way in which it cannot be used."""

import os
from pathlib import Path

import pytest

from gainstage.app import folder
from gainstage.app.folder import held, is_held, open_parts, prepare
from gainstage.errors import UsageError
from gainstage.store.store import FILE_NAME


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "PATIENCE_SECONDS", -1.0)


def refusal(action: object) -> str:
    """The one sentence of a refusal."""
    with pytest.raises(UsageError) as refused:
        action()  # type: ignore[operator]
    said = str(refused.value)
    assert said.endswith(".") and "\n" not in said
    return said


def test_a_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    made = prepare(tmp_path / "a" / "data")
    assert made.stat().st_mode & 0o777 == 0o700


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        said = refusal(lambda path=path: prepare(path))
        assert str(path) in said and "--data" in said


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "not writable" in refusal(lambda: prepare(tmp_path))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", fail)
    assert "Read-only file system" in refusal(lambda: prepare(tmp_path / "data"))


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with held(tmp_path):
        assert is_held(tmp_path)

        def second() -> None:
            with held(tmp_path):
                pass

        assert "in use by another gainstage server or send" in refusal(second)
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    with held(tmp_path):
        pass


def test_looking_does_not_hold(tmp_path: Path) -> None:
    with held(tmp_path):
        pass
    assert [is_held(tmp_path) for _ in range(3)] == [False] * 3
    with held(tmp_path):
        pass


def test_a_lock_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    (tmp_path / folder.LOCK_NAME).mkdir()

    def hold() -> None:
        with held(tmp_path):
            pass

    assert "cannot be used" in refusal(hold)


def test_a_damaged_store_is_explained(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database" * 100)
    assert "damaged" in refusal(lambda: open_parts(tmp_path))


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    store, _ = open_parts(tmp_path)
    store._connection.execute("PRAGMA user_version = 999")
    store.close()
    assert "newer gainstage" in refusal(lambda: open_parts(tmp_path))
