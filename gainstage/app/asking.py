"""Asking vendors outside of delivery: harmless calls, which count against the budget like all others."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from gainstage.delivery.destinations import Active
from gainstage.delivery.transport import HttpTransport
from gainstage.destination import CallFailed, Finding, Request, Response
from gainstage.sqlite import StorageUnavailable
from gainstage.store.store import NoStore, Store


class Asker:
    """Makes the calls of conversations; `store` is where they are counted, if anywhere."""

    def __init__(self, store: Store | None) -> None:
        self.store = store
        self._transport = HttpTransport()

    async def close(self) -> None:
        """Let go of connections and store."""
        await self._transport.close()
        if self.store is not None:
            self.store.close()

    async def ask(self, active: Active, conversation: Generator[Any, Response | None, None]) -> list[Any]:
        """What a conversation yields but its requests; a call that failed ends it with a finding."""
        found: list[Any] = []
        answer: Response | CallFailed | None = None
        try:
            while True:
                item = (
                    conversation.throw(answer)
                    if isinstance(answer, CallFailed)
                    else conversation.send(answer)
                )
                answer = None
                if isinstance(item, Request):
                    answer = await self._call(active, item)
                elif isinstance(item, Finding):
                    found.append(Finding(item.level, item.setting, active.mask(item.message)))
                else:
                    found.append(item)
        except StopIteration:
            pass
        except CallFailed as failure:
            found.append(Finding("error", _setting_of(failure, active), active.mask(failure.detail)))
        return found

    async def _call(self, active: Active, request: Request) -> Response | CallFailed:
        if self.store is not None:
            budgets, now_us = active.family(request.family), time.time_ns() // 1_000
            with self.store.transaction() as transaction:
                if transaction.calls.available(budgets, now_us) == 0:
                    sentence = "The call budget is used up; try again later."
                    return CallFailed("out_of_budget", sentence, sent=False)
                transaction.calls.spend(budgets, now_us, 1)
        try:
            return await self._transport.send(request)
        except CallFailed as failure:
            return failure


def _setting_of(failure: CallFailed, active: Active) -> str:
    """The setting that is to be looked at: where nobody is reached, the one that says where calls go."""
    if failure.code != "unreachable":
        return ""
    settings = active.connected.settings
    names = (name for name in active.connected.type.addressed_by if getattr(settings, name, None))
    return next(names, "")


def existing_store(data: Path) -> Store | None:
    """The store of a data folder, where there is one that can be used."""
    try:
        return Store(data, create=False)
    except (NoStore, StorageUnavailable):
        return None
