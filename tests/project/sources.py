"""Where the sources, the documents and the tracked files are; what the project tests read them with."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("gainstage", "gainstage_sandbox")


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def documents() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".md"]


def tracked_files() -> list[Path]:
    """What git knows, and what it would know after `git add .`: new files are looked at too."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file())


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
