"""Pages that follow from the code are fresh, and every reason code in the code is on the list."""

import ast
from pathlib import Path

import pytest

from gainstage.reason import REASONS, WORDS
from gainstage.reference import fill, pages
from tests.project.sources import ROOT, modules, parse, shown

OUTCOMES = {"Filtered", "Rejected", "Retry", "Unknown", "Parked", "Blocked"}


@pytest.mark.parametrize("path", pages(), ids=shown)
def test_generated_pages_are_fresh(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == fill(text, pages()[path]), "run `python -m gainstage.reference`"


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_has_a_word_a_title_a_cause_an_example_and_a_remedy(code: str) -> None:
    reason = REASONS[code]
    assert reason.word in WORDS
    assert reason.title and len(reason.title) <= 30 and not reason.title.endswith(".")
    assert all(text.endswith((".", '."')) for text in (reason.cause, reason.example, reason.remedy))


def test_every_code_that_the_code_uses_is_on_the_list() -> None:
    unknown = []
    for path in modules():
        if path.is_relative_to(ROOT / "gainstage"):
            for node in ast.walk(parse(path)):
                match node:
                    case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(code)), *_]) if (
                        name in OUTCOMES
                    ):
                        if code not in REASONS:
                            unknown.append(f"{shown(path)}:{node.lineno} {code}")
    assert not unknown, "\n".join(unknown)
