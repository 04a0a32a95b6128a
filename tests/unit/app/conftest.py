"""A configuration with all three destinations, for the rooms that read one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

SECRETS = (
    "app-clickstream-access-key-1234567890",
    "app-cs-access-key",
    "app-cs-shared-secret",
    "app-px-api-key",
)
DESTINATIONS: dict[str, dict[str, Any]] = {
    "clickstream": {"type": "gainsight", "settings": {"access_key": SECRETS[0]}},
    "cs": {
        "type": "gainsight_cs",
        "settings": {
            "domain": "acme",
            "access_key": SECRETS[1],
            "shared_secret": SECRETS[2],
            "tenant_id": "tenant",
            "topic_name": "usage",
            "events": {"Order Completed": {"name": "order", "version": "1.0.0"}},
        },
    },
    "px": {
        "type": "gainsight_px",
        "settings": {"api_key": SECRETS[3], "product_tag_key": "AP-UNITTEST001-2"},
    },
}

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Writes a configuration file with these destinations, changed as asked; its path."""

    def write(*names: str, sources: tuple[str, ...] = ("app",), **changes: dict[str, Any]) -> Path:
        destinations = []
        for name in names:
            given = DESTINATIONS[name]
            changed = {**given["settings"], **changes.get(name, {})}
            destinations.append({"name": name, "type": given["type"], "settings": changed})
        written_sources = [
            {"name": name, "kind": "server", "write_key": f"unit-write-key-{name}"} for name in sources
        ]
        path = tmp_path / "gainstage.yaml"
        path.write_text(yaml.safe_dump({"sources": written_sources, "destinations": destinations}))
        return path

    return write
