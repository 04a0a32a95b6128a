"""docs/sandbox.md says what the code does: its tables come from it, and its examples run.

`python -m tests.sandbox.test_sandbox_docs` writes the table of switches anew.
"""

import json
import re
import shlex
from pathlib import Path

import pytest

from gainstage_sandbox.behaviour import switch_table
from gainstage_sandbox.faults import KINDS
from gainstage_sandbox.limits import FAMILIES
from tests.sandbox.vendor import Vendor

DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
SWITCHES = re.compile(r"(?<=-->\n\n)\| switch .*?(?=\n\n<!-- end of switches -->)", re.DOTALL)
EXAMPLES = [
    shlex.split(command)[1:]
    for block in re.findall(r"^```\n(curl.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    for command in re.split(r"^(?=curl )", block, flags=re.MULTILINE)
    if command
]


def test_the_table_of_switches_is_fresh() -> None:
    assert SWITCHES.findall(TEXT) == [switch_table()], "run `make docs`"


def test_the_table_of_faults_is_fresh() -> None:
    for kind, what in KINDS.items():
        assert f"| `{kind}` | {what} |" in TEXT


def test_the_limits_are_told() -> None:
    for windows in FAMILIES.values():
        for window, limit in windows.items():
            assert f"{limit:,} {window.replace('_', ' ')}" in TEXT


@pytest.mark.parametrize("words", EXAMPLES, ids=" ".join)
def test_an_example_is_accepted(vendor: Vendor, words: list[str]) -> None:
    options = [word for word in words if word not in ("-X", "POST", "DELETE")]
    path = options[0].removeprefix("$S/")
    body = json.loads(options[options.index("-d") + 1]) if "-d" in options else None
    method = words[words.index("-X") + 1] if "-X" in words else ("POST" if body is not None else "GET")
    vendor.control(method, path, body)


if __name__ == "__main__":
    DOCUMENT.write_text(SWITCHES.sub(lambda match: switch_table(), TEXT), encoding="utf-8")
