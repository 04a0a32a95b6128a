"""Accepted to outcome: how many events a second one core routes, maps, coalesces, sends and enters in the
ledger.

The vendor stands inside the process and answers at once; budgets are off. The stream is 60 % identify, 10 %
group, 30 % track; half of the identifies repeat what was said before. Run from the repository's root:

    python -m tests.benchmarks.delivery [--events 20000] [--quick] [--profile]
"""

import argparse
import asyncio
import cProfile
import dataclasses
import pstats
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from gainstage.app.worker import collect_rarely
from gainstage.clock import SystemClock
from gainstage.connection import Configuration, Connected, Source
from gainstage.delivery.engine import Engine
from gainstage.destination import Request, Response
from gainstage.destinations.registry import load
from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog
from gainstage.store.reading import Reading
from gainstage.store.rows import Document
from gainstage.store.store import Store

SETTINGS: dict[str, dict[str, Any]] = {
    "gainsight_cs": {
        "domain": "acme.gainsightcloud.com",
        "access_key": "k" * 36,
        "shared_secret": "s",
        "tenant_id": "t",
        "topic_name": "topic",
        "events": {"Feature Used": {"name": "FeatureUsed", "version": "v1"}},
    },
    "gainsight_px": {"api_key": "k", "product_tag_key": "AP-XXXXXXXXXX-2"},
    "gainsight": {"access_key": "k" * 36},
}


class InstantVendor:
    """Answers every call at once, as a healthy CS, PX or clickstream endpoint does."""

    def __init__(self) -> None:
        self.calls = 0
        self._gsids: dict[str, str] = {}

    async def send(self, request: Request) -> Response:
        self.calls += 1
        return Response(*self._answer(request))

    def _answer(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        json = {"content-type": "application/json"}
        if "/query/" in request.url:
            names = msgspec.json.decode(request.body)["where"]["conditions"][0]["value"]
            rows = [{"Gsid": self._gsids[name], "Name": name} for name in names if name in self._gsids]
            return 200, json, msgspec.json.encode({"result": True, "data": rows})
        if "/objects/Company" in request.url:
            records = []
            for record in msgspec.json.decode(request.body)["records"]:
                gsid = record.get("Gsid") or self._gsids.setdefault(
                    record["Name"], f"1P02{len(self._gsids):032d}"
                )
                records.append({"Gsid": gsid, **record})
            return (
                200,
                json,
                msgspec.json.encode(
                    {"result": True, "data": {"count": len(records), "errors": None, "records": records}}
                ),
            )
        if "aptrinsic" in request.url:
            return (204, json, b"") if request.method == "PUT" else (201, json, b"{}")
        return 200, json, b'{"result":true,"errorCode":null,"errorDesc":null,"requestId":"1","data":{}}'

    async def close(self) -> None:
        pass


def stream(count: int, seed: int = 1, salt: str = "") -> Iterator[bytes]:
    """Messages of the benchmark's mix, about 600 bytes each; `salt` goes before their ids."""
    chance = random.Random(seed)
    said: list[tuple[str, dict[str, Any]]] = []
    padding = {
        "userAgent": "Mozilla/5.0 " + "x" * 200,
        "locale": "en-US",
        "library": {"name": "analytics-node", "version": "3.1.0"},
    }
    for number in range(count):
        kind = chance.random()
        user = f"user-{chance.randrange(max(1, count // 5))}"
        message: dict[str, Any] = {"messageId": f"{salt}m-{number}", "userId": user, "context": padding}
        if kind < 0.6:
            if said and chance.random() < 0.5:
                message["userId"], traits = chance.choice(said[-2000:])
            else:
                traits = {
                    "email": f"{user}@example.com",
                    "firstName": "Ann",
                    "lastName": user,
                    "title": f"t{chance.random()}",
                    "location": f"City {number}",
                    "comments": f"c {number}",
                }
                said.append((user, traits))
            message |= {"type": "identify", "traits": traits}
        elif kind < 0.7:
            company = chance.randrange(max(1, count // 100))
            message |= {
                "type": "group",
                "groupId": f"g-{company}",
                "traits": {
                    "name": f"Company {company}",
                    "employees": chance.randrange(5),
                    "industry": "Software",
                },
            }
            message["context"] = {**padding, "traits": {"email": f"{user}@example.com"}}
        else:
            message |= {
                "type": "track",
                "event": "Feature Used",
                "properties": {"feature": f"f{number % 50}", "seconds": number % 300},
            }
        yield msgspec.json.encode(message)


def configuration(type_name: str) -> Configuration:
    """One source, one destination, no budget."""
    destination = dataclasses.replace(load(type_name), budgets=lambda settings: (), concurrency=512)
    settings = destination.settings.model_validate(SETTINGS[type_name])
    connected = Connected("vendor", destination, settings, frozenset({"app"}), frozenset(destination.kinds))
    return Configuration(0, {"app": Source("app", "server", "k")}, {"vendor": connected})


async def measure(type_name: str, count: int, folder: Path, salt: str = "") -> dict[str, Any]:
    """Fill the log, then run the engine until everything is settled; returns figures.

    The folder may hold what was delivered before. `salt` tells these messages from those of other runs.
    """
    store, log, vendor = Store(folder), LocalLog(folder), InstantVendor()
    messages = list(stream(count, salt=salt))
    for start in range(0, count, 500):
        now_us = time.time_ns() // 1000
        await log.append(
            [
                Entry("app", "", now_us + place, place, b"", body)
                for place, body in enumerate(messages[start : start + 500])
            ]
        )
    with store.transaction() as transaction:
        transaction.documents.replace([Document("source", "app", "file", {})], "file")
        before, reached = counted(transaction.reading), transaction.intake.offset(0)
    engine = Engine(
        store,
        log,
        SystemClock(),
        vendor,
        lambda documents, revision: dataclasses.replace(configuration(type_name), revision=revision),
    )
    stop = asyncio.Event()
    began, cpu = time.perf_counter(), time.process_time()
    task = asyncio.create_task(engine.run(stop))
    words: dict[str, int] = {}
    while sum(words.values()) < sum(before.values()) + count or words.get("pending"):
        if task.done():
            task.result()
        await asyncio.sleep(0.05)
        with store.transaction() as transaction:
            if transaction.intake.offset(0) >= reached + count:  # everything was routed: nothing lingers
                transaction.lanes.hurry([1], time.time_ns() // 1000)
            words = counted(transaction.reading)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    stop.set()
    await task
    await log.close()
    store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "type": type_name,
        "events": count,
        "events_a_second": round(count / seconds),
        "events_a_cpu_second": round(count / cpu_seconds),
        "calls": vendor.calls,
        "peak_mib": peak,
        **{word: n - before.get(word, 0) for word, n in words.items()},
    }


def counted(reading: Reading) -> dict[str, int]:
    """What became of the events that are measured, so far."""
    return reading.counters().get(("app", "vendor"), {})


def main() -> None:
    """Print one line a destination type."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=20_000)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--profile", action="store_true")
    arguments.add_argument("--type", choices=sorted(SETTINGS), action="append")
    given = arguments.parse_args()
    collect_rarely()
    count = 3_000 if given.quick else given.events
    for type_name in given.type or sorted(SETTINGS):
        with tempfile.TemporaryDirectory() as folder:
            profile = cProfile.Profile()
            if given.profile:
                profile.enable()
            figures = asyncio.run(measure(type_name, count, Path(folder)))
            profile.disable()
            print(" ".join(f"{name}={value}" for name, value in figures.items()), flush=True)
            if given.profile:
                pstats.Stats(profile).sort_stats("cumulative").print_stats(60)


if __name__ == "__main__":
    main()
