"""Which passwords are good enough, and how they are kept."""

import pytest
from argon2 import Parameters
from argon2.low_level import Type
from argon2.profiles import RFC_9106_LOW_MEMORY

from gainstage.accounts import Passwords, judged_password
from gainstage.errors import UsageError

#: For tests only: what is kept under these could be guessed.
CHEAP = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=8, parallelism=1
)
GOOD = "correct staple horse"


@pytest.mark.parametrize(
    "text",
    [GOOD, "x7Kp!q9_z?A4", "пароль из слов", "a b c d e f g", "🐴🔋📎✅🐴🔋📎✅🐴🔋📎✅", "é" * 6 + "abcdef"],
)
def test_length_is_what_counts_and_any_characters_will_do(text: str) -> None:
    assert judged_password(text, "ann@acme.example") == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x7Kp!q9_z?A", "fewer than 12 characters"),
        ("", "fewer than 12 characters"),
        ("ab c" * 300, "more than 1024 bytes"),
        ("password1234", "tried first"),
        ("Pass-Word 1234", "tried first"),
        ("QWERTYUIOP123", "tried first"),
        ("aaaaaaaaaaaaaa", "tried first"),
        ("121212121212121212", "tried first"),
        ("annabel.smith", "tried first"),
        ("annabel.smith@acme.example", "tried first"),
        ("Annabel-Smith-1", "tried first"),
        ("gainsight-123", "tried first"),
        ("gainstage gainsight", "tried first"),
    ],
)
def test_what_is_too_short_too_long_or_tried_first_is_refused_in_one_sentence_without_it(
    text: str, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        judged_password(text, "annabel.smith@acme.example")
    assert said in str(refused.value) and str(refused.value).endswith(".")
    assert not text or text not in str(refused.value)


def test_a_password_is_kept_as_argon2id_with_its_parameters_and_a_salt_of_its_own() -> None:
    passwords = Passwords(CHEAP)
    first, second = passwords.hash(GOOD), passwords.hash(GOOD)
    assert first != second and first.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert passwords.verify(first, GOOD) and passwords.verify(second, GOOD)
    assert not passwords.verify(first, GOOD + " ") and not passwords.verify(first, "")


def test_it_is_the_same_password_however_a_keyboard_composes_it() -> None:
    passwords = Passwords(CHEAP)
    assert passwords.verify(passwords.hash("Zo\u00eb and the storks"), "Zoe\u0308 and the storks")


def test_without_other_parameters_those_of_the_standard_for_little_memory_hold() -> None:
    assert Passwords().nobodys.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (RFC_9106_LOW_MEMORY.memory_cost, RFC_9106_LOW_MEMORY.time_cost) == (64 * 1024, 3)


def test_what_was_hashed_with_other_parameters_is_outdated_and_still_verified() -> None:
    kept = Passwords(CHEAP).hash(GOOD)
    stronger = Passwords(Parameters(**{**vars_of(CHEAP), "time_cost": 2}))
    assert stronger.is_outdated(kept) and not Passwords(CHEAP).is_outdated(kept)
    assert stronger.verify(kept, GOOD) and not stronger.is_outdated(stronger.hash(GOOD))


def test_nobodys_password_costs_what_others_cost_and_is_never_right() -> None:
    passwords = Passwords(CHEAP)
    assert not passwords.is_outdated(passwords.nobodys), "the same parameters"
    for text in ("", GOOD, "\0" * 32):
        assert not passwords.verify(passwords.nobodys, text)


def test_what_is_no_hash_or_far_too_long_is_just_wrong() -> None:
    passwords = Passwords(CHEAP)
    assert not passwords.verify("", GOOD) and not passwords.verify("$argon2id$nonsense", GOOD)
    assert passwords.is_outdated("plain")
    assert not passwords.verify(passwords.hash(""), "x" * 2_000), "not cut to the beginning"


def vars_of(parameters: Parameters) -> dict[str, object]:
    names = ("type", "version", "salt_len", "hash_len", "time_cost", "memory_cost", "parallelism")
    return {name: getattr(parameters, name) for name in names}
