"""Documents keep their word: links lead somewhere, and the commands they name exist."""

import re
from pathlib import Path

import pytest

from tests.project.sources import ROOT, documents, shown

LINK = re.compile(
    r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)"
)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(
    r"^(?:```|~~~)\w*\n(?P<block>.*?)^(?:```|~~~)|`(?P<span>[^`\n]+)`", re.MULTILINE | re.DOTALL
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
    broken = []
    for match in LINK.finditer(text):
        target = match["target"] or match["image"]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        if not file.exists():
            broken.append(f"{shown(document)}: {target}: no such file")
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
