"""Who did what."""

from typing import Protocol

from gainstage.store.account_rows import AuditFilter, AuditRow


class AuditReading(Protocol):
    """Questions about what was done."""

    def page(self, wanted: AuditFilter, before: int | None, limit: int) -> list[AuditRow]:
        """The newest of what fits, of those with numbers below `before`."""


class Audit(AuditReading, Protocol):
    """The log of what was done. Nothing in it is changed but the outcome of what was only begun."""

    def begin(self, row: AuditRow) -> int:
        """Note that somebody is about to do something, or what came of it at once; the entry's number."""

    def end(self, number: int, outcome: str, object_: str, detail: bytes) -> None:
        """Note what came of it, on what it was done, and how."""

    def trim(self, before_us: int, limit: int) -> int:
        """Let the oldest entries from before that instant go, at most so many; how many went."""
