"""ARCHITECTURE.md and SECURITY.md name the tests that hold what they say: they must be there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "SECURITY.md"])
def test_every_test_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", text))
    files = re.findall(r"`(tests/[a-z0-9_/]+\.py)`", text)
    assert [file for file in files if not (ROOT / file).exists()] == []
    sources = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "gainstage" / "testing").glob("*.py")]
    defined = {
        name
        for path in sources
        for name in re.findall(r"def (test_[a-z0-9_]+)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert not named - defined, f"no such tests: {sorted(named - defined)}"
