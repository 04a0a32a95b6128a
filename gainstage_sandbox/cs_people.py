"""People and their links to companies: the upsert by e-mail, single and in asynchronous bulk. No HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gainstage_sandbox.cs_errors import PERSON_CODES, FieldError, RefusalError
from gainstage_sandbox.cs_lookups import Lookup, apply_lookups, read_lookups
from gainstage_sandbox.cs_model import MAX_RECORDS, CsModel
from gainstage_sandbox.cs_schema import make_gsid
from gainstage_sandbox.cs_table import Row, Table


@dataclass(slots=True)
class Job:
    """One asynchronous call: accepted, and processed when its time has come."""

    status_id: str
    records: list[Any]
    lookups: Any
    accepted_at: float
    due_at: float
    done: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    processed: bool = False


class People:
    def __init__(self, model: CsModel) -> None:
        self.model = model
        self.jobs: dict[str, Job] = {}
        self._waiting: list[Job] = []
        self._by_email: dict[str, Row] = {}
        self._links: dict[tuple[str, str], Row] = {}

    def find(self, email: str) -> Row | None:
        return self._by_email.get(email.lower())

    def upsert(self, record: Any, lookups: Any, now: float) -> Row:
        """Create or merge one person and the links it carries; all of it or nothing."""
        clean, clean_links = self._read(record, lookups)
        row = self.find(clean["Email"])
        if row is None:
            row = self.model.people.insert(clean, now)
            self._by_email[clean["Email"].lower()] = row
        else:
            self.model.people.update(row, clean, now)
        for link in clean_links:
            self._link(row, link, now)
        return row

    def _read(self, record: Any, lookups: Any) -> tuple[Row, list[Row]]:
        """A person and links that can be written; raises where they cannot."""
        if not isinstance(record, dict) or not record:
            raise _refuse(FieldError("empty_record", "record", record))
        wanted = read_lookups(lookups, self.model.table)
        person, links = self._split(record)
        clean = self._clean(self.model.people, person, [w for w in wanted if w.target not in _LINK_TARGETS])
        if clean.get("Email") is None:
            raise _refuse(FieldError("null", "Email"))
        link_lookups = [w for w in wanted if w.target in _LINK_TARGETS]
        return clean, [self._clean_link(link, link_lookups) for link in links]

    def accept(self, records: Any, lookups: Any, now: float) -> Job:
        """Take a bulk call; its rows are looked at when it is processed."""
        if not isinstance(records, list) or not records:
            raise _refuse(FieldError("empty_record", "records", records))
        if len(records) > MAX_RECORDS:
            raise RefusalError(
                "GSOBJ_1008", f"At most {MAX_RECORDS} records are allowed, not {len(records)}."
            )
        if self.model.behaviour.word("cs_async_bad_row") == "call":
            for record in records:
                self._read(record, lookups)
        due_at = now + self.model.behaviour.number("cs_async_seconds")
        job = Job(make_gsid("1Q00", len(self.jobs) + 1), records, lookups, now, due_at)
        self.jobs[job.status_id] = job
        self._waiting.append(job)
        return job

    def settle(self, now: float) -> None:
        """Process the bulk calls whose time has come."""
        while self._waiting and self._waiting[0].due_at <= now:
            self._process(self._waiting.pop(0))

    def put(self, rows: list[Any], now: float) -> None:
        """Take seeded people over; one with a known e-mail replaces what is there."""
        for row in rows:
            known = self.find(str(row.get("Email", "")))
            stored = self.model.people.put({"Gsid": known["Gsid"], **row} if known else row, now)
            self._by_email[str(stored.get("Email", "")).lower()] = stored

    def put_links(self, rows: list[Any], now: float) -> None:
        """Take seeded links over; people and companies may be named by Email and Company_Name."""
        for row in rows:
            link = {name: value for name, value in row.items() if name not in ("Email", "Company_Name")}
            person = self.find(str(row.get("Email", "")))
            companies = self.model.companies.find({"Name": row.get("Company_Name")})
            link.setdefault("Person_ID", person["Gsid"] if person else None)
            link.setdefault("Company_ID", companies[0]["Gsid"] if companies else None)
            stored = self.model.links.put(link, now)
            self._links[str(link["Person_ID"]), str(link["Company_ID"])] = stored

    def _split(self, record: Mapping[str, Any]) -> tuple[Row, list[Row]]:
        """The person's own fields, and the links under whichever key the tenant takes."""
        person = dict(record)
        form = self.model.behaviour.word("cs_person_links")
        links: Any = []
        if form in ("companies", "both") and "companies" in person:
            links = person.pop("companies")
        if form in ("associations", "both") and isinstance(person.get("associations"), dict):
            links = person.pop("associations").get("companyPerson", [])
            links = [links] if isinstance(links, dict) else links
        if not isinstance(links, list) or not all(isinstance(link, dict) for link in links):
            raise _refuse(FieldError("type", "companies", links))
        return person, links

    def _clean(self, table: Table, record: Row, lookups: list[Lookup]) -> Row:
        filled, errors = apply_lookups(lookups, record, table, self.model.behaviour)
        clean, wrong = table.check(filled, creating=False)
        if errors or wrong:
            raise _refuse((errors + wrong)[0])
        return clean

    def _clean_link(self, link: Row, lookups: list[Lookup]) -> Row:
        clean = self._clean(self.model.links, link, lookups)
        company = clean.get("Company_ID")
        if company is None:
            raise _refuse(FieldError("null", "Company_ID"))
        if company not in self.model.companies.rows:
            raise _refuse(FieldError("no_entity", "Company_ID", company))
        return clean

    def _link(self, person: Row, clean: Row, now: float) -> None:
        key = (person["Gsid"], clean["Company_ID"])
        row = self._links.get(key)
        if row is None or row["Gsid"] not in self.model.links.rows:
            self._links[key] = self.model.links.insert({**clean, "Person_ID": person["Gsid"]}, now)
        else:
            self.model.links.update(row, {**clean, "Person_ID": person["Gsid"]}, now)

    def _process(self, job: Job) -> None:
        first = int(self.model.behaviour.word("cs_async_first_row"))
        for number, record in enumerate(job.records, start=first):
            try:
                row = self.upsert(record, job.lookups, job.due_at)
            except RefusalError as refusal:
                found = refusal.errors[0][0] if refusal.errors else None
                job.errors.append(
                    {
                        "rowNumber": number,
                        "fieldName": found.field if found else None,
                        "invalidValue": found.value if found else None,
                        "errorMessage": refusal.text,
                        "errorCode": refusal.code,
                    }
                )
            else:
                job.done.append({"rowNumber": number, "Gsid": row["Gsid"], "Email": row["Email"]})
        job.processed = True


_LINK_TARGETS = frozenset({"Company_ID", "Person_ID", "Manager"})


def _refuse(error: FieldError) -> RefusalError:
    return RefusalError(error.code(PERSON_CODES), error.sentence(PERSON_CODES), errors=[[error]])
