"""Names, roles and proofs."""

import pytest

from gainstage.accounts import (
    ADMIN,
    EDITOR,
    VIEWER,
    allows,
    csrf_of,
    folded,
    judged_name,
    judged_role,
    new_proof,
)
from gainstage.errors import UsageError


@pytest.mark.parametrize("name", ["ann@acme.example", " Ann ", "Zoë Ångström", "ops-team", "李"])
def test_e_mails_and_plain_names_are_names(name: str) -> None:
    assert judged_name(name) == name.strip()


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a/b", "a\\b", "a\nb", "a\x00b", "a\u202eb"])
def test_what_cannot_be_a_name_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(UsageError, match=r"\.$"):
        judged_name(name)


def test_names_are_one_in_any_letter_case_and_however_they_are_composed() -> None:
    assert folded("ANN@Acme.example ") == folded("ann@acme.example")
    assert folded("Zoe\u0308") == folded("ZO\u00cb") == folded(judged_name("Zoe\u0308"))
    assert folded("ann") != folded("anna")


def test_each_role_may_what_the_ones_before_may_and_what_is_none_may_nothing() -> None:
    may = {
        (role, least): allows(role, least)
        for role in (VIEWER, EDITOR, ADMIN)
        for least in (VIEWER, EDITOR, ADMIN)
    }
    assert [pair for pair, allowed in may.items() if not allowed] == [
        (VIEWER, EDITOR), (VIEWER, ADMIN), (EDITOR, ADMIN),
    ]  # fmt: skip
    assert not any(allows(role, VIEWER) for role in ("", "owner", "ADMIN"))
    with pytest.raises(UsageError, match="viewer, editor, admin"):
        judged_role("owner")


def test_proofs_are_long_differ_and_their_csrf_token_tells_nothing_of_them() -> None:
    first, second = new_proof(), new_proof()
    assert first != second and len(first) >= 43
    assert csrf_of(first) == csrf_of(first) != csrf_of(second) and first not in csrf_of(first)
