"""`gainstage check`: is the configuration usable, and do the vendors take the credentials?"""

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

from gainstage.app.configuring import read_only
from gainstage.connection import Connected
from gainstage.delivery.destinations import Active
from gainstage.delivery.transport import HttpTransport, Transport
from gainstage.destination import CallFailed, Finding, Request, Response
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import DestinationRow
from gainstage.store.store import NoStore, Store


class CheckResult(NamedTuple):
    """A finding about a destination; `setting` names what is at fault, `level` is ok, warning or error."""

    destination: str
    level: str
    setting: str
    message: str


def check(data: Path, config: Path | None) -> list[CheckResult]:
    """Validate the configuration and try the credentials with harmless calls, which count against the budget.

    Raises:
        UsageError: the configuration cannot be used; every problem is named.
    """
    configuration, warnings = read_only(data, config)
    results = [CheckResult("", "warning", "", warning) for warning in warnings]
    return results + asyncio.run(_tried(data, list(configuration.destinations.values())))


async def _tried(data: Path, destinations: list[Connected]) -> list[CheckResult]:
    transport = HttpTransport()
    store = _budgets(data)
    try:
        found = await asyncio.gather(*(_try(transport, store, connected) for connected in destinations))
    finally:
        await transport.close()
        if store is not None:
            store.close()
    return [result for results in found for result in results]


def _budgets(data: Path) -> Store | None:
    """Where calls are counted, if this data folder counts any."""
    try:
        return Store(data, create=False)
    except (NoStore, StorageUnavailable):
        return None


async def _try(transport: Transport, store: Store | None, connected: Connected) -> list[CheckResult]:
    active = Active(connected, DestinationRow(0, connected.name), 0)
    results = []
    exchange = connected.type.check(active.settings)
    answer: Response | CallFailed | None = None
    try:
        while True:
            item = exchange.throw(answer) if isinstance(answer, CallFailed) else exchange.send(answer)
            answer = None
            if isinstance(item, Finding):
                results.append(
                    CheckResult(connected.name, item.level, item.setting, active.mask(item.message))
                )
            else:
                answer = await _call(transport, store, active, item)
    except StopIteration:
        pass
    except CallFailed as failure:
        results.append(CheckResult(connected.name, "error", "", active.mask(failure.detail)))
    return results


async def _call(
    transport: Transport, store: Store | None, active: Active, request: Request
) -> Response | CallFailed:
    if store is not None:
        budgets, now_us = active.family(request.family), time.time_ns() // 1_000
        with store.transaction() as transaction:
            if transaction.calls.available(budgets, now_us) == 0:
                return CallFailed(
                    "out_of_budget", "The call budget is used up; check again later.", sent=False
                )
            transaction.calls.spend(budgets, now_us, 1)
    try:
        return await transport.send(request)
    except CallFailed as failure:
        return failure
