"""The fuzzer's inputs, sent through with every test run: what was found once stays mended."""

from pathlib import Path

import pytest

from tests.fuzz import growth
from tests.fuzz.decoder import WAYS_IN, check

CORPUS = sorted((Path(__file__).parents[2] / "fuzz" / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_an_input_keeps_every_promise_of_the_decoder(path: Path) -> None:
    check(path.read_bytes())


def test_the_inputs_go_every_kind_of_way_in() -> None:
    ways = {WAYS_IN[path.read_bytes()[0] % len(WAYS_IN)] for path in CORPUS}
    names = {getattr(getattr(way, "func", way), "__name__", "") for way in ways}
    assert names == {"batch", "single", "pixel", "undecodable"}


def test_memory_does_not_grow() -> None:
    allocated, _ = growth.growth([path.read_bytes() for path in CORPUS])
    assert allocated < growth.ALLOWED_BYTES


def test_memory_that_grows_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bytes] = []
    monkeypatch.setattr(growth, "check", lambda text: kept.append(text * 200))
    allocated, _ = growth.growth([b"0123456789"])
    assert allocated > growth.ALLOWED_BYTES


def test_what_grows_once_is_no_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bytes] = []
    sent = iter(range(10_000))
    monkeypatch.setattr(
        growth, "check", lambda _: kept.append(bytes(1_000_000)) if next(sent) == 20 else None
    )
    allocated, _ = growth.growth([b"0123456789"])
    assert kept and allocated < growth.ALLOWED_BYTES
