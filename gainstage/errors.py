"""Errors that a person can mend: unusable input, configuration or surroundings. Nothing else lives here."""

from collections.abc import Sequence


class UsageError(Exception):
    """One sentence for the user that says what is wrong and what to do."""


class UnknownName(UsageError):
    """Something is named that is not there."""


class UnknownSection(UnknownName):
    """A section of the configuration is named that there is not."""


class UnknownSource(UnknownName):
    """A source is named that is not there."""


class UnknownRequest(UnknownName):
    """A request to forget a person is named that is not there."""


class UnknownUser(UnknownName):
    """A user is named that is not there."""


class UnknownToken(UnknownName):
    """A token of the management API is named that is not there."""


class UnknownSession(UnknownName):
    """A session is named that is not there."""


class UnknownKey(UnknownName):
    """A write key is named that a source has not."""


class KeyReplaced(UsageError):
    """A write key is to be replaced that is not the current one."""


class NameTaken(UsageError):
    """Somebody, or something, has this name already."""


class LastAdmin(UsageError):
    """Without this user nobody could manage the users any more."""


class NotAllowed(UsageError):
    """Who asks has not the role for it."""


class UnknownComputation(UnknownName):
    """An audience or a computed trait is named that is not there."""


class OwnedByFile(UsageError):
    """Something is to be changed that stands in the configuration file."""


class UnknownReplay(UsageError):
    """A replay is named that is not there."""


class DataUnusable(UsageError):
    """The data folder cannot be used now: a full disk, a damaged or a missing file."""


class ConfigurationError(UsageError):
    """A configuration that cannot be used, with every problem found, one sentence each. `places`: those of
    one source or destination once more, by the place of the setting.
    """

    def __init__(self, name: str, problems: Sequence[str], places: Sequence[tuple[str, str]] = ()) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        listed = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"{name} cannot be used: {count} to correct.{listed}")
        self.name = name
        self.problems = tuple(problems)
        self.places = tuple(places)
