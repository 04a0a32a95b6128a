"""What identifies and groups of known users cost, counted by the sandbox."""

from pathlib import Path

import pytest

from tests.benchmarks.px_calls import ACCOUNTS, MEMBERS, USERS, groups, identifies


@pytest.mark.parametrize("known", [True, False], ids=["known to us", "new store"])
def test_a_thousand_identifies_of_known_users_are_a_call_each_user_and_none_unchanged(
    tmp_path: Path, known: bool
) -> None:
    found = identifies(tmp_path, known=known)
    assert found.events == 1000
    assert found.calls <= USERS == 200
    assert found.again == 0


@pytest.mark.parametrize("known", [True, False], ids=["known to us", "new store"])
def test_a_thousand_groups_are_a_call_each_account_and_each_member_and_none_repeated(
    tmp_path: Path, known: bool
) -> None:
    found = groups(tmp_path, known=known)
    assert found.events == MEMBERS == 1000
    assert found.kinds["accounts"] <= ACCOUNTS == 40
    assert found.kinds["users"] <= MEMBERS
    assert found.calls <= ACCOUNTS + MEMBERS
    assert found.again == 0
