"""What was announced."""

from typing import Protocol

from gainstage.store.rows import AlertRow


class Alerts(Protocol):
    """Alerts that stand, or whose end was not told yet: each is announced once, also across restarts."""

    def all(self) -> list[AlertRow]:
        """Every one, the oldest first."""

    def save(self, row: AlertRow) -> None:
        """Keep one as it is."""

    def remove(self, key: str) -> None:
        """Forget one; nothing where there is none."""
