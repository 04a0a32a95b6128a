"""The code blocks of the documents, run as their readers would run them, with the real packages."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.sdks.browser import Pages
from tests.world import ROOT, surroundings

SOURCES = ROOT / "docs" / "sources"
README = ROOT / "README.md"
PACKAGES = Path(__file__).parent / "node_modules"
ADDRESS = "127.0.0.1:8080"
KEYS = ("BACKEND_WRITE_KEY", "WEBSITE_WRITE_KEY", "APP_WRITE_KEY")
KINDS = r"\.(identify|track|group|page|screen|alias)\("
SECONDS = 60


@dataclass(frozen=True)
class Snippet:
    """A code block of a document."""

    document: Path
    language: str
    text: str

    @property
    def runs_in_a_page(self) -> bool:
        """Whether it is for a browser."""
        return any(name in self.text for name in ("@segment/analytics-next", "@rudderstack/analytics-js"))

    @property
    def calls(self) -> list[str]:
        """The kinds of the events that it sends, in their order."""
        return re.findall(KINDS, self.text)

    @property
    def name(self) -> str:
        """What it is called in a test's name: the package that it is for."""
        found = re.search(r"(?:from \"|import )([@\w./-]+)", self.text)
        return f"{self.document.stem}-{found[1] if found else self.language}"

    def filled(self, address: str, key: str) -> "Snippet":
        """With another address and write key."""
        return Snippet(self.document, self.language, filled(self.text, address, key))

    def run(self, folder: Path) -> None:
        """Run it to its end, as a program of its own."""
        ending, command = ("py", sys.executable) if self.language == "python" else ("mjs", "node")
        script = self._written(folder, ending)
        subprocess.run([command, str(script)], check=True, timeout=SECONDS, env=surroundings())

    def put(self, folder: Path, pages: Pages) -> str:
        """The address of a page that runs it, bundled as an application would be."""
        script, bundle = self._written(folder, "js"), folder / "bundle.js"
        build = [
            PACKAGES / ".bin" / "esbuild",
            script,
            "--bundle",
            f"--outfile={bundle}",
            "--log-level=error",
        ]
        subprocess.run(build, check=True, timeout=SECONDS)
        text = bundle.read_text(encoding="utf-8").replace("</script", "<\\/script")
        return pages.put(f"<!doctype html><title>Acme</title><body><script>{text}</script>")

    def _written(self, folder: Path, ending: str) -> Path:
        packages = folder / "node_modules"
        if not packages.exists():
            packages.symlink_to(PACKAGES)
        script = folder / f"snippet.{ending}"
        script.write_text(self.text, encoding="utf-8")
        return script


def filled(text: str, address: str, key: str) -> str:
    """A text with another address and write key."""
    text = text.replace(ADDRESS, address.removeprefix("http://"))
    for name in KEYS:
        text = text.replace(name, key)
    return text


def snippets(document: Path, *languages: str) -> list[Snippet]:
    """The code blocks of a document in these languages."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [Snippet(document, language, block) for language, block in found if language in languages]
