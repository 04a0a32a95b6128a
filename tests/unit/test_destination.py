"""Hiding secrets in what is shown."""

import pytest

from gainstage.destination import conceal


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("key 0123456789abcdef is wrong", "0123456789abcdef", "key *** is wrong"),
        ("xx0123456789abcdefxx", "0123456789abcdef", "xx***xx"),
        ("the key k is no key", "k", "the key *** is no key"),
        ('{"key":"s"}', "s", '{"key":"***"}'),
        ("https://host/status", "s", "https://host/status"),
        ("nothing of it", "", "nothing of it"),
    ],
)
def test_a_secret_is_hidden_and_other_words_stay_whole(text: str, secret: str, shown: str) -> None:
    assert conceal(text, [secret]) == shown


def test_a_secret_within_another_does_not_uncover_it() -> None:
    assert conceal("abcdefgh-ijkl", ["abcdefgh", "abcdefgh-ijkl"]) == "***"
