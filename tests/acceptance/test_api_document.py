"""docs/api.md tells the truth: its examples are run with curl and compared, and its table has every path.

To write the outputs anew: `python -m tests.acceptance.test_api_document`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gainstage.dashboard.description import document
from gainstage_sandbox import running
from tests.acceptance.program import EXAMPLES, ROOT, Program, surroundings
from tests.acceptance.test_cli_document import BLOCK, steady

DOCUMENT = ROOT / "docs" / "api.md"
ADDRESS = "http://127.0.0.1:8080"
TOKEN = "acceptance-0123456789abcdef0123456789abcdef"
ROW = re.compile(r"^\| ([A-Z, ]+) \| `(/api/[^`]+)` \|", re.MULTILINE)


def said(program: Program, address: str, block: str) -> Iterator[str]:
    """The block as it reads after its commands were run."""
    for line in block.splitlines():
        if line.startswith("$ "):
            ended = subprocess.run(
                line.removeprefix("$ ").replace(ADDRESS, address),
                shell=True,
                cwd=program.folder,
                env=surroundings({"GAINSTAGE_API_TOKEN": TOKEN}),
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            yield "\n".join([line, *ended.stdout.splitlines()])


def shown_anew(folder: Path) -> str:
    """The document with the outputs of today's server."""
    with running(port=0) as sandbox:
        program = Program(folder, sandbox.url)
        program.configure()
        shutil.copy(EXAMPLES / "messages.jsonl", folder)
        (folder / "token").write_text(TOKEN)
        with program.serving("--api-token-file", "token") as address:
            program.run("send", "messages.jsonl")
            text = DOCUMENT.read_text(encoding="utf-8")

            def anew(match: re.Match[str]) -> str:
                shown = "\n".join(said(program, address, match[1])).replace(address, ADDRESS)
                return f"```console\n{steady(shown).replace('127.0.0.1:8090/api', '127.0.0.1:8080/api')}\n```"

            return BLOCK.sub(anew, text)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on the path")
def test_the_examples_of_the_document_are_what_the_server_says(tmp_path: Path) -> None:
    assert shown_anew(tmp_path).splitlines() == DOCUMENT.read_text(encoding="utf-8").splitlines()


def test_the_table_of_the_document_has_every_path_and_method() -> None:
    listed = {
        (method.strip().lower(), path)
        for methods, path in ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
        for method in methods.split(",")
    }
    described = {
        (method, path)
        for path, item in document()["paths"].items()
        for method in set(item) & {"get", "put", "post", "delete"}
        if path.startswith("/api/") and not path.endswith(".json")
    }
    assert listed == described


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        DOCUMENT.write_text(shown_anew(Path(name)), encoding="utf-8")
    sys.exit()
