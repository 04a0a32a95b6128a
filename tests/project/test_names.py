"""Names say what is inside, and files and functions stay short enough to be read at once."""

import ast
import re
from pathlib import Path

import pytest

from tests.project.sources import modules, parse, shown

SAYS_NOTHING = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
NUMBERED = re.compile(r"_?v\d+$")
FILE_LINES = 400
FUNCTION_LINES = 70


@pytest.mark.parametrize("path", modules(), ids=shown)
def test_a_module_is_named_after_what_it_holds(path: Path) -> None:
    name = path.parent.name if path.stem == "__init__" else path.stem
    assert name not in SAYS_NOTHING, f"{shown(path)}: '{name}' tells a reader nothing"
    assert not NUMBERED.search(name), f"{shown(path)}: one of a numbered series; replace the older one"


@pytest.mark.parametrize("path", modules(), ids=shown)
def test_a_module_opens_with_what_lives_in_it(path: Path) -> None:
    tree = parse(path)
    assert ast.get_docstring(tree) or not tree.body, f"{shown(path)} has no docstring"


@pytest.mark.parametrize("path", modules(), ids=shown)
def test_files_and_functions_stay_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES, f"{shown(path)} has {lines} lines: split it"
    long = [
        f"{shown(path)}:{node.lineno} {node.name} has {length} lines: split it"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)
