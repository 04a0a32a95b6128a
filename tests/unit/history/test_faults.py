"""Wherever the process dies or the power goes, every event stands in the archive once, and no file is left.

The disk fails at a deed: a write, a rename, a removal, a sync, or the index's commit. What was not synced by
then may be there or not.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gainstage.history import Archive, once, upkeep
from gainstage.history.erasing import erase
from gainstage.history.folder import Disk
from gainstage.history.upkeep import Keep, Upkeep
from gainstage.store.forgetting_rows import Someone
from tests.unit.history.conftest import Shelf, track

HOUR_US = 3_600_000_000


class Cut(BaseException):
    """The process ends here."""


class FailingDisk(Disk):
    """Ends the process at a deed, and forgets then what no sync has made safe."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.left: int | None = None
        self.deeds: list[str] = []
        self._renamed: list[tuple[Path, Path]] = []
        self._removed: list[tuple[Path, bytes]] = []

    def deed(self, what: str) -> bool:
        """Whether the process ends in the middle of this."""
        self.deeds.append(what)
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0

    def write(self, path: Path, content: bytes) -> None:
        if self.deed("write"):
            path.write_bytes(content[: self.chance.randrange(len(content) + 1)])
            raise Cut
        super().write(path, content)

    def rename(self, path: Path, target: Path) -> None:
        self._renamed.append((path, target))
        cut = self.deed("rename")
        if not cut or self.chance.random() < 0.5:
            super().rename(path, target)
        if cut:
            raise Cut

    def remove(self, path: Path) -> None:
        if path.exists():
            self._removed.append((path, path.read_bytes()))
        cut = self.deed("remove")
        if not cut or self.chance.random() < 0.5:
            super().remove(path)
        if cut:
            raise Cut

    def sync(self, folder: Path) -> None:
        if self.deed("sync"):
            raise Cut
        super().sync(folder)
        self._renamed = [one for one in self._renamed if one[1].parent != folder]
        self._removed = [one for one in self._removed if one[0].parent != folder]

    def power_on(self) -> None:
        """After the cut: names that were not synced are as they were before, or not."""
        self.left = None
        for path, target in reversed(self._renamed):
            if target.exists() and self.chance.random() < 0.5:
                target.rename(path)
        for path, content in self._removed:
            if path.parent.exists() and self.chance.random() < 0.5:
                path.write_bytes(content)
        self._renamed, self._removed = [], []


def with_commits(archive: Archive, disk: FailingDisk) -> None:
    """Let the disk fail around commits of the index, too."""
    real = archive.index.transaction

    @contextmanager
    def transaction() -> Iterator[Any]:
        with real() as one:
            yield one
            if disk.deed("commit"):
                raise Cut
        if disk.deed("committed"):
            raise Cut

    archive.index.transaction = transaction  # type: ignore[method-assign]


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_or_doubled_wherever_the_power_goes(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in (
        (upkeep, "NEW_FILES", 3), (upkeep, "MERGED_FILES", 2), (upkeep, "DAYS_AT_ONCE", 3),
        (once, "GATHERED_AT_LEAST", 10), (once, "RANGES", 4), (once, "_WIDTH", 2**62),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    chance = random.Random(seed)
    disk = FailingDisk(chance)
    shelf = Shelf(tmp_path, disk=disk)
    sent, forgotten, cuts = 0, set[str](), 0
    while cuts < 25:
        await shelf.accept(*(_event(chance, number) for number in range(sent, sent + 6)))
        sent += 6
        with_commits(shelf.archive, disk)
        disk.left = chance.randrange(40)
        try:
            await _work(shelf, chance, forgotten)
            disk.left = None
        except Cut:
            cuts += 1
            shelf.archive.close()
            disk.power_on()
            shelf.archive = shelf.opened()
        assert_each_once(shelf)
    for user in forgotten:
        erase(shelf.archive, [f"u:{user}"], [], now_us=shelf.now_us)
    await _work(shelf, chance, forgotten, forget=False)
    expected = [f"m-{n:06d}" for n in range(sent) if f"user-{n % 5}" not in forgotten]
    assert shelf.ids() == expected
    assert shelf.archive.delete_replaced() == 0
    with shelf.archive.snapshot() as snapshot:
        assert sorted(file.name for file in snapshot.files) == shelf.files()
    assert {"write", "rename", "remove", "sync", "commit", "committed"} <= set(disk.deeds)
    await shelf.log.close()
    shelf.archive.close()
    shelf.store.close()


def _event(chance: random.Random, number: int) -> dict[str, Any]:
    return track(number, user=f"user-{number % 5}", days=chance.randrange(8))


async def _work(shelf: Shelf, chance: random.Random, forgotten: set[str], *, forget: bool = True) -> None:
    """Archive, keep in order, and now and then forget somebody."""
    while (await shelf.archiver.archive(chance.choice((3, 50)))).more:
        pass
    shelf.now_us += 7 * HOUR_US
    work = Upkeep(shelf.archive, lambda: shelf.now_us)
    while work.step(Keep()):
        pass
    if forget and chance.random() < 0.1 and len(forgotten) < 2:
        user = f"user-{chance.randrange(5)}"
        forgotten.add(user)
        with shelf.store.transaction() as transaction:
            digest = shelf.pseudonyms.of(f"u:{user}")
            transaction.forgetting.ask(digest, Someone((f"u:{user}",), ()), [digest], {}, 1)
        erase(shelf.archive, [f"u:{user}"], [], now_us=shelf.now_us)


def assert_each_once(shelf: Shelf) -> None:
    """No event stands there twice, and each has a position of its own."""
    query = "SELECT count(*), count(DISTINCT message_id), count(DISTINCT position) FROM archive"
    ((rows, ids, positions),) = shelf.ask(query)
    assert rows == ids == positions


async def test_the_index_is_durable_before_any_file_is(tmp_path: Path) -> None:
    disk = FailingDisk(random.Random(1))
    shelf = Shelf(tmp_path, disk=disk)
    assert shelf.archive.folder.index.exists() and disk.deeds[-1] == "sync" and "write" not in disk.deeds
    opened = len(disk.deeds)
    shelf.opened().close()
    assert len(disk.deeds) == opened
    await shelf.log.close()
    shelf.archive.close()
    shelf.store.close()
