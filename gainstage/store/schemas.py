"""The tenants' schemas: one row a tenant, with what its destinations plan by."""

import msgspec

from gainstage.schema import Object, Schema
from gainstage.sqlite import Database

_decode = msgspec.json.Decoder(tuple[Object, ...]).decode


class Schemas:
    """The part of a transaction that keeps what is known of the tenants' objects."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def revision(self) -> int:
        """Rises whenever a schema is kept or forgotten; 0 before the first."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'schemas'").fetchone()
        return int(row[0]) if row else 0

    def get(self, tenant: str) -> Schema | None:
        """What is known of the tenant; None where nothing is."""
        row = self._connection.execute(
            "SELECT origin, at_us, body FROM tenant_schema WHERE tenant = ?", (tenant,)
        ).fetchone()
        return Schema(_decode(row[2]), row[0], row[1]) if row else None

    def keep(self, tenant: str, schema: Schema) -> None:
        """Let this schema stand for whatever was known before."""
        self._connection.execute(
            "INSERT OR REPLACE INTO tenant_schema VALUES (?, ?, ?, ?)",
            (tenant, schema.origin, schema.at_us, msgspec.json.encode(schema.objects)),
        )
        self._rise()

    def forget(self, tenant: str) -> bool:
        """Know nothing any more; False when nothing was known."""
        if self.get(tenant) is None:
            return False
        self._connection.execute("DELETE FROM tenant_schema WHERE tenant = ?", (tenant,))
        self._rise()
        return True

    def _rise(self) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('schemas', ?)", (self.revision() + 1,))
