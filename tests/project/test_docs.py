"""Documents keep their word: links lead somewhere, and the commands they name exist."""

import re
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from gainstage.cli.main import program
from gainstage.destination import Destination
from gainstage.reference import fill, pages
from tests.project.sources import ROOT, documents, shown, tracked_files

LINK = re.compile(
    r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)"
)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(
    r"^(?:```|~~~)\w*\n(?P<block>.*?)^(?:```|~~~)|`(?P<span>[^`\n]+)`", re.MULTILINE | re.DOTALL
)
PROGRAM = re.compile(
    r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?gainstage (?P<words>[^|;&>#\n]+)", re.MULTILINE
)
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)


def code(document: Path) -> str:
    found = CODE.finditer(document.read_text(encoding="utf-8"))
    return "\n".join(match["block"] or match["span"] for match in found)


def anchors(document: Path) -> set[str]:
    """The names that headings get on the usual forges."""
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in HEADING.findall(text)
    }


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_relative_links_lead_to_a_file_and_a_heading(document: Path) -> None:
    text = CODE.sub("", document.read_text(encoding="utf-8"))
    kept = {place for path in tracked_files() for place in (path, *path.parents)}
    broken = []
    for match in LINK.finditer(text):
        target = match["target"] or match["image"]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        if file not in kept:
            broken.append(f"{shown(document)}: {target}: no such file, or one that git ignores")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            broken.append(f"{shown(document)}: {target}: no such heading")
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_make_commands_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(
        re.findall(r"^\s*(?:\$ )?make ((?:[A-Z_]+=\S+ )*)([a-z][a-z-]*)", code(document), re.MULTILINE)
    )
    assert {target for _, target in named} <= targets


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_commands_of_the_program_exist(document: Path) -> None:
    wrong = [
        f"{shown(document)}: gainstage {use['words'].strip()}: {reason}"
        for use in PROGRAM.finditer(code(document))
        if (reason := misuse(get_command(program), use["words"].split()))
    ]
    assert not wrong, "\n".join(wrong)


def misuse(command: TyperCommand | TyperGroup, words: list[str]) -> str | None:
    """What is wrong with these words, as far as commands and the names of options go."""
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        if words[0].isupper():  # a place for any command
            return None
        if words[0] not in command.commands:
            return f"there is no command '{words[0]}'"
        command, words = command.commands[words[0]], words[1:]
    known = {"--help", *(name for option in command.params for name in option.opts)}
    unknown = {word.split("=")[0] for word in words if word.startswith("--") and len(word) > 2} - known
    return f"no option {', '.join(sorted(unknown))}" if unknown else None


@pytest.mark.parametrize(("document", "about"), pages().items(), ids=map(shown, pages()))
def test_generated_parts_are_fresh(document: Path, about: Destination | None) -> None:
    text = document.read_text(encoding="utf-8")
    assert text == fill(text, about), f"{shown(document)}: make docs"
