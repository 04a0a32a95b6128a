"""The data folder: what must be durable of it before anything is kept there."""

from pathlib import Path

import pytest

from gainstage.app.folder import prepare


def test_the_names_of_new_folders_are_durable_before_anything_is_kept_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("gainstage.app.folder.sync_folder", synced.append)
    prepare(tmp_path / "new" / "data")
    assert set(synced) == {tmp_path, tmp_path / "new"}
    prepare(tmp_path / "new" / "data")
    assert len(synced) == 2
