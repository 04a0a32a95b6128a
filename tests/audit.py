"""`python -m tests.audit`: whether any locked dependency has a known vulnerability, or was withdrawn.

OSV, the open database of vulnerabilities, is asked for exactly the versions of every lock file in the tree:
by uv for what gainstage runs with, which also says what was withdrawn from the index; directly for the
others, of which no resolver is to make more than they hold. Exit code 1: something was found; 3: the
database, or the package index, could not be asked, so that nothing is known.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
#: What gainstage, and everything but the tests named below, runs with.
LOCK = ROOT / "requirements.lock"
#: The others, by what OSV calls the ecosystem of their packages.
OTHER_LOCKS = {
    ROOT / "assets.lock": "PyPI",
    ROOT / "tests" / "spark" / "build.lock": "PyPI",
    ROOT / "tests" / "spark" / "requirements.lock": "PyPI",
    ROOT / "tests" / "sdks" / "package-lock.json": "npm",
}
#: Nothing locks these, so they are not asked about.
NOT_ASKED = (
    "the scripts and styles inside the wheels of assets.lock (htmx, Tabler)",
    "the packages of the operating system that .ci/run installs",
)
#: Vulnerabilities that do not concern us, by their id, with the reason.
ACCEPTED: Mapping[str, str] = {}

DATABASE = "https://api.osv.dev"
AT_ONCE = 500
SECONDS = 30.0
#: A requirement with its marker, which may go on in the next line; the hashes come after.
PIN = re.compile(r"^(?P<pin>[\w.-]+==[^\s;\\]+(?:\s*;[^\\\n]+)?)", re.MULTILINE)
FOUND, UNKNOWN = 1, 3


class Package(NamedTuple):
    """One version of one package."""

    ecosystem: str
    name: str
    version: str


def pins(lock: str) -> list[str]:
    """The requirements of a lock file."""
    return [" ".join(found["pin"].split()) for found in PIN.finditer(lock)]


def packages(path: Path, ecosystem: str) -> list[Package]:
    """What a lock file holds, each version once."""
    text = path.read_text(encoding="utf-8")
    held = _npm(text) if ecosystem == "npm" else _pinned(text)
    return [Package(ecosystem, *one) for one in dict.fromkeys(held)]


def _pinned(text: str) -> Iterator[tuple[str, str]]:
    for pin in pins(text):
        name, _, version = pin.partition(";")[0].strip().partition("==")
        yield name, version


def _npm(text: str) -> Iterator[tuple[str, str]]:
    """The packages by where they lie: `node_modules/a/node_modules/@of/b` is @of/b, and "" ourselves."""
    for place, held in json.loads(text)["packages"].items():
        if place and not held.get("link"):
            yield held.get("name") or place.rpartition("node_modules/")[2], held["version"]


def audit(requirements: Sequence[str], service: str | None = None) -> tuple[int, str]:
    """An exit code, and what uv says."""
    listed = "".join(f"#   {requirement!r},\n" for requirement in requirements)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "locked.py"
        script.write_text(
            f'# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n{listed}# ]\n# ///\n',
            encoding="utf-8",
        )
        done = subprocess.run(
            [
                *(sys.executable, "-m", "uv", "audit", "--preview-features", "audit-command"),
                *("--script", str(script)),
                *(("--service-url", service) if service else ()),
                *(part for known in ACCEPTED for part in ("--ignore", known)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    code = {0: 0, 1: FOUND}.get(done.returncode, UNKNOWN)
    return code, (done.stdout + done.stderr).strip()


def ask(asked: Sequence[Package], service: str | None = None) -> tuple[int, str]:
    """An exit code, and what the database knows of these versions, a line each."""
    found = []
    try:
        for start in range(0, len(asked), AT_ONCE):
            some = asked[start : start + AT_ONCE]
            for one, known in zip(some, _known(some, service or DATABASE), strict=True):
                concerns = [name for name in known if name not in ACCEPTED]
                if concerns:
                    found.append(f"{one.name} {one.version} ({one.ecosystem}): {', '.join(concerns)}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return UNKNOWN, f"{service or DATABASE}: {error}"
    return (FOUND if found else 0), "\n".join(found)


def _known(asked: Sequence[Package], service: str) -> list[list[str]]:
    """The ids of what is known of each."""
    queries = [
        {"package": {"ecosystem": one.ecosystem, "name": one.name}, "version": one.version} for one in asked
    ]
    request = urllib.request.Request(
        f"{service}/v1/querybatch",
        json.dumps({"queries": queries}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        results = json.loads(answer.read())["results"]
    if len(results) != len(asked):
        raise ValueError("the database answers something else")
    return [[vulnerability["id"] for vulnerability in one.get("vulns", ())] for one in results]


def worst(codes: Sequence[int]) -> int:
    """What was found counts, whatever else could not be asked."""
    return FOUND if FOUND in codes else UNKNOWN if UNKNOWN in codes else 0


def main() -> int:
    """Audit, and say in one line what is known now."""
    arguments = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    arguments.add_argument("--service-url", help="another address of the database")
    given = arguments.parse_args()
    requirements = pins(LOCK.read_text(encoding="utf-8"))
    count, answers = len(requirements), {LOCK: audit(requirements, given.service_url)}
    for path, ecosystem in OTHER_LOCKS.items():
        held = packages(path, ecosystem)
        count, answers[path] = count + len(held), ask(held, given.service_url)
    for path, (code, told) in answers.items():
        word = {0: "nothing known", FOUND: "FOUND", UNKNOWN: "not asked"}[code]
        print(f"{path.relative_to(ROOT)}: {word}", told, sep="\n" if told else "")
    print(f"Not asked about, since no lock holds them: {'; '.join(NOT_ASKED)}.")
    code = worst([code for code, _ in answers.values()])
    print(
        {
            0: f"{count} locked versions: none has a known vulnerability.",
            FOUND: "Locked versions have known vulnerabilities: raise them (make lock), or say why not in "
            "ACCEPTED of tests/audit.py.",
            UNKNOWN: "NOT AUDITED: the database of vulnerabilities cannot be asked from here.",
        }[code]
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
