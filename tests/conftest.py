"""What applies to every test: what was not run is said at the end, and on CI a skip is a failure."""

import os
import shutil
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

ON_CI = os.environ.get("CI") == "true"
TESTS = Path(__file__).parent

# Folders that take minutes: collected only when named, each by its own command.
ELSEWHERE = {
    "benchmarks": "it takes longer; make bench",
    "fuzz": "it takes longer; make fuzz",
    "project": "the rules of the project; make check",
    "torture": "it takes longer; make torture",
}

if not ON_CI:  # Hypothesis brings a profile of its own for CI, without deadlines too
    settings.register_profile("laptop", deadline=None)
    settings.load_profile("laptop")


# Thousands of stores and logs sync each of their transactions. No test cuts the power of this machine, so
# their folders may lie in memory where there is plenty; --basetemp, or this variable, puts them elsewhere.
MEMORY, PLENTY_BYTES, PLACE = Path("/dev/shm"), 4 * 1024**3, "PYTEST_DEBUG_TEMPROOT"
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > PLENTY_BYTES:
    os.environ.setdefault(PLACE, str(MEMORY))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if collection_path.parent == TESTS and collection_path.name in ELSEWHERE:
        return not any(_path_of(argument, config).is_relative_to(collection_path) for argument in config.args)
    return None


def _path_of(argument: str, config: pytest.Config) -> Path:
    return (config.invocation_params.dir / argument.split("::")[0]).resolve()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _refuse_skip(report)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _refuse_skip(report)


def _refuse_skip(report: Report) -> Report:
    """A machine that runs everything has no reason to skip: a missing tool would go unnoticed for ever."""
    if ON_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = [f"{count} skipped: {reason}" for reason, count in _skips(terminalreporter).items()]
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        lines += [f"tests/{folder}: {why}" for folder, why in ELSEWHERE.items() if (TESTS / folder).is_dir()]
    if lines:
        terminalreporter.section("not run")
        for line in lines:
            terminalreporter.line(line)


def _skips(terminalreporter: pytest.TerminalReporter) -> Counter[str]:
    reports = {report.nodeid: report for report in terminalreporter.stats.get("skipped", [])}
    return Counter(_reason(report) for report in reports.values())
