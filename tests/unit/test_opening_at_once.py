"""The files of a data folder, opened for the first time by several at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Protocol

import pytest

from gainstage.computing.state import State
from gainstage.figures.keeping import Kept
from gainstage.history import Archive
from gainstage.store import Store

OPENERS, ROUNDS = 6, 12


class Opened(Protocol):
    def close(self) -> None: ...


@pytest.mark.parametrize("opening", [State, Store, Archive, lambda folder: Kept(folder, create=True)])
def test_whoever_opens_a_new_file_at_the_same_time_as_others_gets_it(
    tmp_path: Path, opening: Callable[[Path], Opened]
) -> None:
    together = Barrier(OPENERS)

    def open_once(folder: Path) -> None:
        together.wait()
        opening(folder).close()

    with ThreadPoolExecutor(OPENERS) as pool:
        for number in range(ROUNDS):
            folder = tmp_path / str(number)
            folder.mkdir()
            list(pool.map(open_once, [folder] * OPENERS))
