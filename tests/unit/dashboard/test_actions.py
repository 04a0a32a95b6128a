"""The audit log speaks in words."""

from gainstage.dashboard.actions import TITLES, action_title
from gainstage.management.permissions import RULES


def test_whatever_the_management_api_notes_has_words_and_nothing_else_has() -> None:
    noted = {rule.action for rules in RULES.values() for rule in rules.values() if rule.action}
    assert {*noted, "session.begin"} == set(TITLES)


def test_an_action_of_another_version_is_shown_by_its_name() -> None:
    assert action_title("moon.land") == "moon.land"
    assert action_title("configuration.apply") == "Configuration file put in force"
