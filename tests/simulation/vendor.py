"""The scripted vendors: Gainsight CS, PX and the clickstream endpoint as simple models, and what goes wrong.

They keep what they took, per record and field, and notice at once what must never happen: an older value over
a newer one, two calls at work on one record, a call too many.
"""

import asyncio
import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gainstage.destination import CallFailed, Request, Response
from gainstage.testing.clock import VirtualClock
from tests.simulation.answers import as_json, end_of, envelope, nothing_found, refusal, shown
from tests.simulation.bulk import Bulk
from tests.simulation.faults import (
    CALL_SECONDS,
    DONE,
    JSON,
    UNDONE,
    Weather,
    answer_in,
    asked_seconds,
)
from tests.simulation.model import Field
from tests.simulation.spending import Spending
from tests.simulation.stream import Stamp
from tests.simulation.waiting import Call, End, Waiting


class Broken(AssertionError):
    """A promise that was not kept."""


@dataclass
class Receipt:
    """An append that a vendor took."""

    vendor: str
    lane: str
    message_id: str
    #: The answer that confirmed it was read and recorded.
    recorded: bool = False
    #: The vendor took it, and answered that it failed.
    denied: bool = False


@dataclass
class Answer:
    """How a call ended, which the engine has still to record."""

    call: Call | None
    end: End
    #: Until when the vendor asks us to stay away.
    asked_us: int | None = None
    #: The appends that it confirms.
    receipts: list[Receipt] = field(default_factory=list)


@dataclass
class Vendors:
    """All vendors of a world, as a `Transport`."""

    clock: VirtualClock
    chance: random.Random
    weather: Weather
    keys: dict[str, str]
    #: PX replaces the objects inside a record, or merges into them: nobody knows.
    replaces: bool
    trace: list[str]
    fields: dict[str, dict[Field, str]] = field(default_factory=lambda: defaultdict(dict))
    receipts: list[Receipt] = field(default_factory=list)
    #: Every stamp under which a value was said, by vendor, field and value.
    said: dict[tuple[str, Field, str], list[Stamp]] = field(default_factory=lambda: defaultdict(list))
    #: Why the world must end.
    broken: list[str] = field(default_factory=list)
    calls: int = 0
    _gsids: dict[str, str] = field(default_factory=dict)
    _busy: dict[tuple[str, str], int] = field(default_factory=dict)
    #: What was handed over and is not recorded yet.
    answered: list[Answer] = field(default_factory=list)
    _conversations: set["asyncio.Task[Any]"] = field(default_factory=set)
    spending: Spending = field(init=False)
    waiting: Waiting = field(init=False)
    bulk: Bulk = field(init=False)

    def __post_init__(self) -> None:
        self.spending = Spending(self.clock, self._complain)
        self.waiting = Waiting(self.clock, self._complain)
        self.bulk = Bulk(self.clock, self.chance, self._cs_person)
        #: What the documents leave open: the status of a refusal, and how it is told that nothing was found.
        self._refusing = self.chance.choice((400, 400, 200))
        self._nothing = self.chance.choice(("no rows", "no match", "a sentence"))

    async def send(self, request: Request) -> Response:
        self.calls += 1
        number, vendor = self.calls, vendor_of(request.url)
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        account = "cs" if vendor == "cs" else f"{vendor} {_key(request)}"  # elsewhere a key is a tenant
        bulk = self.bulk.is_call(request)
        self.spending.count(vendor, account)
        if bulk:
            self.spending.count("cs_async", account)
        call = self.waiting.begin(number, account, bulk=bulk, question=self.bulk.is_question(request))
        # Another key is another tenant for us; the vendor refuses all but one of them anyway.
        records = self._records(vendor, request) if self._knows(vendor, request) else []
        self.bulk.process()
        for record in records:
            if record[0] == "person" and self.bulk.may_write(record[1]):
                self._complain(f"call {number} writes {record}, and a bulk call may still do so")
            if record in self._busy:
                self._complain(f"call {number} and call {self._busy[record]} are both at work on {record}")
            self._busy[record] = number
        try:
            return await self._converse(number, call, vendor, request)
        finally:
            self._conversations.discard(task)
            for record in records:
                if self._busy.get(record) == number:
                    del self._busy[record]

    async def close(self) -> None:
        pass

    def recorded(self, answers: list[Answer], *, lost: bool = False) -> None:
        """What became of answers that were handed over. One that was lost may have been recorded at the very
        end: then a wait that it asks for is not judged, nor one that it may have ended.
        """
        for answer in answers:
            self.answered.remove(answer)
            for receipt in answer.receipts:
                receipt.recorded = not lost
            if answer.call is None:
                continue
            if not lost or answer.end in (End.ANSWERED, End.UNCLEAR):
                self.waiting.hear(answer.call, answer.end, answer.asked_us)
            else:
                self.waiting.suspect(answer.call)

    async def hang_up(self) -> None:
        """The process on our side died: its calls end, and answers not yet recorded are lost."""
        waiting = tuple(self._conversations)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        self.recorded(list(self.answered), lost=True)

    def jumped(self, seconds: float) -> None:
        """Our clock was set."""
        self.spending.jumped(seconds)
        self.waiting.jumped(seconds)
        self.bulk.jumped(seconds)

    def _complain(self, sentence: str) -> None:
        self.broken.append(sentence)

    async def _converse(self, number: int, call: Call | None, vendor: str, request: Request) -> Response:
        fault = self.weather.fault(self.chance, vendor)
        processed = self.chance.random() < 0.5
        before = self.chance.uniform(0.005, 0.2)
        after = self.chance.uniform(0.005, self.weather.slow)
        served: Response | None = None
        receipts: list[Receipt] = []
        if fault in UNDONE or (fault and not processed and fault not in DONE):
            processed = False
        else:
            processed = True
        try:
            await asyncio.sleep(before)
            if processed:
                served, receipts = self._serve_noting(vendor, request)
            await asyncio.sleep(CALL_SECONDS - before if fault == "timeout" else after)
            answer = answer_in(self.chance, fault, vendor, served, self._now())
        except asyncio.CancelledError:
            if served is None and fault is None and self.chance.random() < 0.3:
                served, receipts = self._serve_noting(vendor, request)
            self._note(number, request, fault, "cancelled", served)
            raise
        except CallFailed as failure:
            self.answered.append(Answer(call, End.LOST))
            self._note(number, request, fault, failure.code, served)
            raise
        confirmed = receipts if answer is served or fault == "accepted" else []
        self.answered.append(Answer(call, end_of(fault, answer), self._asked_us(answer), confirmed))
        for receipt in receipts:
            receipt.denied = answer.status >= 500 or fault == "internal"
        self._note(number, request, fault, shown(answer), served)
        return answer

    def _asked_us(self, answer: Response) -> int | None:
        seconds = asked_seconds(answer, self._now())
        return None if seconds is None else self.clock.elapsed_us + int(seconds * 1e6)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_us() / 1e6, UTC)

    def _serve_noting(self, vendor: str, request: Request) -> tuple[Response, list[Receipt]]:
        """The vendor's own answer, and the appends that it took."""
        mark = len(self.receipts)
        return self._serve(vendor, request), self.receipts[mark:]

    def _note(
        self, number: int, request: Request, fault: str | None, end: str, served: Response | None
    ) -> None:
        self.trace.append(
            f"{self.clock.now_us()} call {number} {request.method} {request.url.partition('//')[2]} "
            f"{request.body.decode()} fault={fault} served={served.status if served else '-'} end={end}"
        )

    # the vendors

    def _records(self, vendor: str, request: Request) -> list[tuple[str, str]]:
        """The records that a call writes."""
        body = json.loads(request.body) if request.body else {}
        if "/objects/query/" in request.url or request.method == "GET":
            return []
        if vendor == "click":
            return [("click", str(body.get("userId") or body.get("anonymousId")))]
        if vendor == "px":
            kind = "account" if "/accounts" in request.url else "user"
            if request.method == "POST" and body.keys() == {"id", "name", "propertyKeys"}:
                return []  # stands in for an account that a user needs: it says nothing of one that is there
            key = body.get("identifyId") or body.get("id") or request.url.rpartition("/")[2]
            return [(kind, str(key))]
        if request.url.endswith("/people"):
            return [("person", body["Email"])]
        if self.bulk.is_call(request):
            return [("person", row["Email"]) for row in body["records"]]
        if "/objects/Company" in request.url:
            names = {gsid: name for name, gsid in self._gsids.items()}
            return [
                ("company", str(record.get("Name") or names.get(record.get("Gsid"), "?")).strip())
                for record in body["records"]
            ]
        return []

    def _serve(self, vendor: str, request: Request) -> Response:
        body = json.loads(request.body) if request.body else {}
        if not self._knows(vendor, request):
            told = {"result": False, "errorCode": "GS_APIG_2401", "errorDesc": "Unauthorized"}
            return as_json(401, told)
        match vendor:
            case "cs":
                return self._cs(request, body)
            case "px":
                return self._px(request, body)
        if "poison" in request.body.decode():
            return as_json(self._refusing, {"result": False, "error": "bad value"})
        self._take("click", str(body.get("userId") or body.get("anonymousId")), body["messageId"])
        return as_json(200, {"result": True})

    def _knows(self, vendor: str, request: Request) -> bool:
        return _key(request) == self.keys[vendor]

    def _take(self, vendor: str, lane: str, message_id: str) -> None:
        self.receipts.append(Receipt(vendor, lane, message_id))

    def _set(self, vendor: str, values: dict[Field, str]) -> None:
        """Take values, each of which must not be older than the one that it replaces (promise 3)."""
        for name, value in values.items():
            stamps = self.said.get((vendor, name, value))
            if not stamps:
                self._complain(f"{vendor}: nobody said {value!r} for {name}")
                continue
            there = self.fields[vendor].get(name)
            if there not in (None, value) and max(stamps) < min(self.said[(vendor, name, there)]):
                self._complain(f"{vendor}: {name}: the older {value!r} replaces the newer {there!r}")
            self.fields[vendor][name] = value

    def _cs(self, request: Request, body: Any) -> Response:
        if "/objects/query/" in request.url:
            condition = body["where"]["conditions"][0]
            rows = [
                {"Gsid": gsid, "Name": name}
                for name, gsid in self._gsids.items()
                if (name if condition["name"] == "Name" else gsid) in condition["value"]
            ]
            return envelope(rows) if rows else nothing_found(self._nothing)
        if request.url.endswith("/eventManager/event"):
            if "poison" in request.body.decode():
                return refusal(self._refusing, "Invalid event", {})
            self._take("cs", "", body["seq"])
            return envelope({})
        if request.url.endswith("/people"):
            return self._cs_person(body)
        if "/people/async" in request.url:
            return self.bulk.answer(request, body)
        bad = [(name, value) for record in body["records"] for name, value in record.items() if _bad(value)]
        if bad:
            named = dict(bad[:1]) if "named" in bad[0][1] else {}
            return refusal(self._refusing, "Invalid value", named)
        return self._cs_companies(body["records"], inserting=request.method == "POST")

    def _cs_person(self, body: dict[str, Any]) -> Response:
        bad = {name: value for name, value in body.items() if _bad(value)}
        if bad:
            named = bad if any("named" in value for value in bad.values()) else {}
            return refusal(self._refusing, "Invalid value", named)
        email, names = body["Email"], {gsid: name for name, gsid in self._gsids.items()}
        values = {
            ("person", email, name): v for name, v in body.items() if name not in ("Email", "companies")
        }
        for link in body.get("companies", ()):
            if link["Company_ID"] not in names:
                self._complain(f"cs: {email} is linked to a company that was never given out")
                continue
            values[("person", email, f"companies[{names[link['Company_ID']]}]")] = "yes"
        self._set("cs", values)
        return envelope({"email": email})

    def _cs_companies(self, records: list[dict[str, Any]], *, inserting: bool) -> Response:
        if inserting:
            for record in records:
                if record["Name"] in self._gsids:
                    self._complain(f"cs: the company {record['Name']!r} is made twice")
                self._gsids.setdefault(record["Name"], f"1P02{len(self._gsids):032d}")
        names = {gsid: name for name, gsid in self._gsids.items()}
        answer = []
        for record in records:
            name = record["Name"] if inserting else names[record["Gsid"]]
            values = {("company", name, k): v for k, v in record.items() if k not in ("Name", "Gsid")}
            self._set("cs", values)
            answer.append({"Gsid": self._gsids[name], "Name": name})
        return envelope({"count": len(answer), "errors": None, "records": answer})

    def _px(self, request: Request, body: dict[str, Any]) -> Response:
        if "poison" in request.body.decode():
            return as_json(400, {"externalapierror": {"status": "BAD_REQUEST", "message": "bad value"}})
        if request.url.endswith("/events/custom"):
            self._take("px", body["identifyId"], body["attributes"]["seq"])
            return as_json(201, {})
        kind, id_field = ("account", "id") if "/accounts" in request.url else ("user", "identifyId")
        key = str(body.get(id_field) or request.url.rpartition("/")[2])
        there = (kind, key, "") in self.fields["px"]
        if request.method == "GET" and there:
            return as_json(200, {id_field: key})
        if request.method == "POST" and there:
            return as_json(400, {"externalapierror": {"status": "BAD_REQUEST", "message": "duplicate"}})
        if request.method != "POST" and not there:
            return as_json(404, {"externalapierror": {"status": "NOT_FOUND", "message": "not found"}})
        self.fields["px"][(kind, key, "")] = "there"
        values = _flat(body)
        if self.replaces:
            for outer in ("location", "customAttributes"):
                if outer in body:
                    for name in [
                        n for n in self.fields["px"] if n[:2] == (kind, key) and n[2].startswith(outer)
                    ]:
                        if name[2] not in values:
                            self._complain(f"px: {name} would be lost where PX replaces objects")
        fixed = ("identifyId", "id", "propertyKeys", "type", "signUpDate")
        made_up = values.get("name") == key and kind == "account"
        self._set(
            "px",
            {
                (kind, key, name): value
                for name, value in values.items()
                if name not in fixed and not (name == "name" and made_up)
            },
        )
        return as_json(201, {}) if request.method == "POST" else Response(204, JSON, b"")


def vendor_of(url: str) -> str:
    """Which vendor an address belongs to."""
    if "aptrinsic" in url:
        return "px"
    return "click" if "/clickstream/" in url else "cs"


def _key(request: Request) -> str:
    """What its sender is known by."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if "eventManager" in request.url:
        return headers.get("sharedsecret", "")
    return headers.get("accesskey") or headers.get("x-aptrinsic-api-key", "")


def _bad(value: Any) -> bool:
    return isinstance(value, str) and "poison" in value


def _flat(body: dict[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in body.items():
        if isinstance(value, dict):
            found.update({f"{name}.{inner}": v for inner, v in value.items()})
        else:
            found[name] = value
    return found
