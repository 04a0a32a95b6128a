"""What came of the newest append to the log: whether it takes events, as far as whoever appends knows."""


class Appends:
    """Told by those who append, asked by whoever says whether events are taken."""

    def __init__(self) -> None:
        #: Why the newest failed; "" where it succeeded, or there was none.
        self.problem = ""
        #: How many failed since the start.
        self.failures = 0

    def failed(self, problem: str) -> None:
        """The log could not take events."""
        self.problem = problem
        self.failures += 1

    def succeeded(self) -> None:
        """The log has taken events."""
        self.problem = ""
