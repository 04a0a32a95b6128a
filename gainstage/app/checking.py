"""`gainstage check`: is the configuration usable, are the credentials taken, do the mapped fields exist?"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gainstage.app.asking import Asker, existing_store
from gainstage.app.configuring import named, read_only
from gainstage.app.fields import diagnose, kept
from gainstage.app.remarks import findings_of
from gainstage.app.verdicts import remarks
from gainstage.connection import Configuration, Connected
from gainstage.delivery.destinations import Active
from gainstage.destination import Finding
from gainstage.store.rows import DestinationRow


class CheckResult(NamedTuple):
    """A finding about a destination; `setting` names what is at fault, `level` is ok, warning or error."""

    destination: str
    level: str
    setting: str
    message: str


def check(data: Path, config: Path | None, destination: str | None = None) -> list[CheckResult]:
    """Validate the configuration and try the credentials with harmless calls, which count against the budget;
    of one destination, if it is named.

    What is read of the tenants' fields is kept in the data folder, where there is one.

    Raises:
        UsageError: the configuration cannot be used; every problem is named. Or it has no such destination.
    """
    configuration, warnings = read_only(data, config)
    if destination is not None:
        return asyncio.run(_tried(data, configuration, [named(configuration, destination)]))
    results = [CheckResult("", "warning", "", warning) for warning in warnings]
    return results + asyncio.run(_tried(data, configuration, list(configuration.destinations.values())))


def summary(results: Sequence[CheckResult]) -> dict[str, Any]:
    """The results as one document; `ok` unless a setting is at fault."""
    ok = not any(result.level == "error" for result in results)
    return {"ok": ok, "findings": [result._asdict() for result in results]}


async def _tried(
    data: Path, configuration: Configuration, destinations: list[Connected]
) -> list[CheckResult]:
    asker = Asker(existing_store(data))
    try:
        found = await asyncio.gather(*(_try(asker, configuration, connected) for connected in destinations))
    finally:
        await asker.close()
    return [result for results in found for result in results]


async def _try(asker: Asker, configuration: Configuration, connected: Connected) -> list[CheckResult]:
    active = Active(connected, DestinationRow(0, connected.name), 0)
    findings: list[Finding] = await asker.ask(active, connected.type.check(active.settings))
    if not any(finding.level == "error" for finding in findings):
        findings += await diagnose(asker, active)
        schema = kept(asker.store, connected)
        for one in configuration.computations:
            if one.enabled and connected.name in one.destinations:
                findings += remarks(connected, one, schema)
    if asker.store is not None:
        with asker.store.reading() as reading:
            findings += findings_of(reading, connected, time.time_ns() // 1_000)
    return [CheckResult(connected.name, one.level, one.setting, one.message) for one in findings]
