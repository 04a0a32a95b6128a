"""A data folder that is managed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from gainstage import app
from tests.unit.management.asking import Asked, configured


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    file = tmp_path / "gainstage.yaml"
    file.write_text(yaml.safe_dump(configured("clickstream", "cs", "px")))
    app.apply(tmp_path / "data", file)
    yield Asked(tmp_path / "data")
