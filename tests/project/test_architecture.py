"""ARCHITECTURE.md names the tests that hold each invariant: they must be there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_architecture_names_exists() -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")))
    sources = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "gainstage" / "testing").glob("*.py")]
    defined = {
        name
        for path in sources
        for name in re.findall(r"def (test_[a-z0-9_]+)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert not named - defined, f"no such tests: {sorted(named - defined)}"
