"""What no tracked file may hold: paths of one machine, hosts of package registries, download addresses."""

import re

from tests.project.sources import shown, tracked_files

REFUSED = {
    "a path of one machine": re.compile(r"(?<![\w.}])/(work|root|Users|home/\w+)/"),
    "the host of a package registry": re.compile(
        r"\b(pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org)\b"
    ),
    "a download address in a lock file": re.compile(r'"resolved"\s*:\s*"http'),
}


def test_tracked_files_hold_nothing_of_the_machine_they_were_written_on() -> None:
    found = [
        f"{shown(path)}:{number}: {what}"
        for path in tracked_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        for what, pattern in REFUSED.items()
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)
