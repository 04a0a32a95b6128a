"""`python -m tests.audit`: whether any locked dependency has a known vulnerability, or was withdrawn.

uv asks OSV, the open database of vulnerabilities, for exactly the versions of requirements.lock. Exit code 1:
something was found; 3: the database, or the package index, could not be asked, so that nothing is known.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"
#: A requirement with its marker, which may go on in the next line; the hashes come after.
PIN = re.compile(r"^(?P<pin>[\w.-]+==[^\s;\\]+(?:\s*;[^\\\n]+)?)", re.MULTILINE)
FOUND, UNKNOWN = 1, 3


def pins(lock: str) -> list[str]:
    """The requirements of a lock file."""
    return [" ".join(found["pin"].split()) for found in PIN.finditer(lock)]


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
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    code = {0: 0, 1: FOUND}.get(done.returncode, UNKNOWN)
    return code, (done.stdout + done.stderr).strip()


def main() -> int:
    """Audit, and say in one line what is known now."""
    arguments = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    arguments.add_argument("--service-url", help="another address of the database")
    given = arguments.parse_args()
    requirements = pins(LOCK.read_text(encoding="utf-8"))
    code, told = audit(requirements, given.service_url)
    print(told)
    print(
        {
            0: f"{len(requirements)} locked versions: none has a known vulnerability.",
            FOUND: "Locked versions have known vulnerabilities: raise them (make lock), or record why not.",
            UNKNOWN: "NOT AUDITED: the database of vulnerabilities cannot be asked from here.",
        }[code]
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
