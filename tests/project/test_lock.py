"""The lock files hold everything that pyproject.toml asks for, pinned and with hashes."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.project.sources import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ASKED = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *(name for names in PROJECT["project"]["optional-dependencies"].values() for name in names),
    *PROJECT["dependency-groups"]["dev"],
]
ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^ ;\\]+)(?P<rest>.*(?:\n +.*)*)", re.MULTILINE)


def _locked(lock: Path) -> dict[str, re.Match[str]]:
    found = ENTRY.finditer(lock.read_text(encoding="utf-8"))
    return {canonicalize_name(entry["name"]): entry for entry in found}


PINNED = _locked(ROOT / "requirements.lock")
#: Wheels that only carry files: nothing that they depend on is installed.
CARRIERS = _locked(ROOT / "assets.lock")


@pytest.mark.parametrize("text", ASKED)
def test_a_requirement_is_locked_at_a_version_it_allows(text: str) -> None:
    asked = Requirement(text)
    name = canonicalize_name(asked.name)
    entry = PINNED.get(name) or CARRIERS.get(name)
    assert entry, f"{asked.name} is in no lock file: make lock"
    assert asked.specifier.contains(Version(entry["version"])), (
        f"{text} is locked at {entry['version']}: make lock"
    )


def test_every_locked_version_carries_hashes() -> None:
    everything = {**PINNED, **CARRIERS}
    assert [name for name, entry in everything.items() if "--hash=sha256:" not in entry["rest"]] == []


@pytest.mark.parametrize("name", ["build", "requirements"])
def test_what_the_tests_on_spark_need_is_locked_with_hashes_apart_from_the_rest(name: str) -> None:
    folder = ROOT / "tests" / "spark"
    asked = [line for line in (folder / f"{name}.in").read_text("utf-8").splitlines() if line[0] != "#"]
    locked = _locked(folder / f"{name}.lock")
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(Version(locked[requirement.name]["version"]))
        assert requirement.name not in PINNED
    assert all("--hash=sha256:" in entry["rest"] for entry in locked.values())
