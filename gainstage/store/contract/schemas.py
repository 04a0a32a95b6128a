"""What is known of the tenants' objects."""

from typing import Protocol

from gainstage.schema import Schema


class Schemas(Protocol):
    """A schema a tenant, the one kept last. Every process that delivers plans by it."""

    def revision(self) -> int:
        """Rises whenever a schema is kept or forgotten; 0 before the first."""

    def get(self, tenant: str) -> Schema | None:
        """What is known of the tenant; None where nothing is."""

    def keep(self, tenant: str, schema: Schema) -> None:
        """Let this schema stand for whatever was known before."""

    def forget(self, tenant: str) -> bool:
        """Know nothing any more; False when nothing was known."""
