"""Trouble with one key, destination, answer or batch holds nothing else back. Time is virtual."""

import pytest

from tests.benchmarks.isolation import SECONDS_MORE, TROUBLES, Compared, Delivery, Trouble, lived

SEED, PART = 1, 12


@pytest.fixture(scope="module")
def undisturbed() -> list[Delivery]:
    return lived(Trouble("none"), SEED, PART)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.title)
def test_others_keep_their_pace_beside(trouble: Trouble, undisturbed: list[Delivery]) -> None:
    compared = Compared.of(trouble, undisturbed, lived(trouble, SEED, PART))
    assert compared.is_trouble
    assert len(compared.beside) == len(compared.without)
    assert compared.more <= SECONDS_MORE
