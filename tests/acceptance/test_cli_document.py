"""docs/cli.md tells the truth: its examples are run and compared, its options are all there and no others.

To write the outputs anew: `python -m tests.acceptance.test_cli_document`.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from gainstage.cli.main import program as commands
from gainstage_sandbox import running
from tests.acceptance.program import ROOT, Program

DOCUMENT = ROOT / "docs" / "cli.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SYNOPSIS = re.compile(r"^```text\n(gainstage .*?)^```$", re.MULTILINE | re.DOTALL)
#: Lines of one example that the document shows.
LINES_SHOWN = 50
#: What differs from run to run, and what the document says there.
BUDGET = re.compile(
    r"(?P<start>(?:second|minute|day) +?)(?P<used>[ \d]{3}\d)(?P<middle> +)(?P<limit>\d+)(?P<left> +\d+)"
)
VARYING = (
    (re.compile(r"clickstream \d+, cs \d+, px \d+"), "clickstream 12, cs 10, px 16"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:8090"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "2026-11-22T10:00:00.000Z"),
    (re.compile(r"\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d"), "2026-11-22 to 2026-11-22"),
    (re.compile(r"at about \d\d:\d\d"), "at about 10:00"),
    (re.compile(r"\b\d+ s ago *$", re.MULTILINE), "2 s ago"),
    (re.compile(r"\bin +\d+ (s|m|h)\b|\bnow *$", re.MULTILINE), "in 24 h"),
    (re.compile(r"\b1[0-9]{12}\b"), "1795341600000"),
    (re.compile(r"\b[0-9a-f]{10}\b"), "0d9ca63969"),
    (re.compile(r"\b1P0\d[0-9A-F]{32}\b"), "1P02…"),
)


def played(program: Program, block: str) -> Iterator[str]:
    """The block as it reads after its commands were run."""
    for line in block.splitlines():
        if line.startswith("$ gainstage "):
            ended = program.run(*line.removeprefix("$ gainstage ").split())
            shown = ended.out.splitlines()
            if len(shown) > LINES_SHOWN:
                shown = [*shown[:LINES_SHOWN], "..."]
            yield "\n".join([line, *(one.rstrip() for one in shown)])


def budget(match: re.Match[str]) -> str:
    """A row of a budget: how much of it is used depends on how calls fell together, and on the second."""
    used, limit, left = match["used"], int(match["limit"]), match["left"]
    return f"{match['start']}{10:>{len(used)}}{match['middle']}{match['limit']}{limit - 10:>{len(left)}}"


def steady(text: str) -> str:
    text = BUDGET.sub(budget, text)
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return text


def shown_anew(folder: Path) -> str:
    """The document with the outputs of today's program."""
    with running(port=0) as sandbox:
        program = Program(folder, sandbox.url)
        program.configure()
        for name in ("audiences.yaml", "messages.jsonl"):
            program.example(name)
        text = DOCUMENT.read_text(encoding="utf-8")
        return BLOCK.sub(
            lambda match: f"```console\n{steady(chr(10).join(played(program, match[1])))}\n```", text
        )


def test_the_examples_of_the_document_are_what_the_program_prints(tmp_path: Path) -> None:
    assert shown_anew(tmp_path).splitlines() == DOCUMENT.read_text(encoding="utf-8").splitlines()


def options() -> dict[str, set[str]]:
    """The long options of every command, by the words that call it."""
    group = typer.main.get_command(commands)
    found: dict[str, set[str]] = {}
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        if inner and command.invoke_without_command:
            inner = {"": command, **inner}
        for words, one in (
            {f"{name} {word}".strip(): one for word, one in inner.items()}.items()
            if inner
            else [(name, command)]
        ):
            found[words] = {
                max(parameter.opts, key=len)
                for parameter in one.params
                if parameter.param_type_name == "option" and "--help" not in parameter.opts
            }
    return found


@pytest.mark.parametrize("words", sorted(options()))
def test_every_option_stands_in_the_document(words: str) -> None:
    lines = [
        line
        for block in SYNOPSIS.findall(DOCUMENT.read_text(encoding="utf-8"))
        for line in block.splitlines()
    ]
    (line,) = [
        line
        for line in lines
        if re.match(rf"gainstage {words}( [^a-z]|$)", line) or line == f"gainstage {words}"
    ]
    filters = (
        {
            "--destination",
            "--reason",
            "--outcome",
            "--since",
            "--until",
            "--user",
            "--type",
            "--event",
        }
        if "[FILTERS]" in line
        else set()
    )
    assert set(re.findall(r"--[a-z-]+", line)) | filters == options()[words]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        DOCUMENT.write_text(shown_anew(Path(name)), encoding="utf-8")
    sys.exit()
