"""Fetches what pages load from the wheels that carry it, when the project is built or installed.

The files are other people's, so the repository does not hold them; docs/decisions/0044 says why these.
"""

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("gainstage", "dashboard", "static", "vendor")
#: Where each file goes: the package that carries it, its path there, and its SHA-256.
FILES = {
    "css/tabler.min.css": (
        "sqladmin",
        "statics/css/tabler.min.css",
        "b200b267a969ac1163229932a92bc6b2af8ce2d5bd1de056a2ef40b13ded965a",
    ),
    "css/tabler-icons.min.css": (
        "sqladmin",
        "statics/css/tabler-icons.min.css",
        "b70790c7fc6dda2c50fbc871b8fe51273c96814d98cdb081ddd04e969a87a860",
    ),
    "webfonts/tabler-icons.woff2": (
        "sqladmin",
        "statics/webfonts/tabler-icons.woff2",
        "bce5d4c933dcfe8708787a3570ab0995a4a99250d6321ed177c7f2179e93eb68",
    ),
    "js/htmx.min.js": (
        "django_htmx",
        "static/django_htmx/htmx-2.min.js",
        "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de",
    ),
}


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the files into the tree before hatchling looks at it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Copy what is not there yet.

        Raises:
            RuntimeError: a package is missing, or carries another version of a file.
        """
        for name, (package, path, digest) in FILES.items():
            target = Path(self.root) / VENDOR / name
            if not (target.is_file() and _digest(target.read_bytes()) == digest):
                content = _carried(package, path)
                if _digest(content) != digest:
                    raise RuntimeError(f"{package} carries another {path} than hatch_build.py names.")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        build_data["artifacts"].append(f"{VENDOR.as_posix()}/**")


def _carried(package: str, path: str) -> bytes:
    found = find_spec(package)  # finds it without running any of its code
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"Building needs the package {package}: make setup installs it.")
    return (Path(found.submodule_search_locations[0]) / path).read_bytes()


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
