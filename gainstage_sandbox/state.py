"""All that the sandbox holds, as one thing that can be shown, seeded and reset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gainstage_sandbox.behaviour import Behaviour, RefusedError
from gainstage_sandbox.cs_model import CsModel
from gainstage_sandbox.cs_people import People
from gainstage_sandbox.cs_schema import read_field, write_field
from gainstage_sandbox.faults import Faults
from gainstage_sandbox.journal import Journal
from gainstage_sandbox.limits import Limits
from gainstage_sandbox.px_model import PxModel

PARTS = ("state", "requests", "faults", "limits", "behaviour")
CS_PARTS = ("people", "companies", "associations", "objects", "events", "schema", "event_definitions")
PX_PARTS = ("users", "accounts", "events", "attributes", "denied")


class State:
    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.behaviour = Behaviour()
        self.limits = Limits()
        self.faults = Faults()
        self.journal = Journal()
        self._forget()

    def _forget(self) -> None:
        self.cs = CsModel(self.behaviour)
        self.people = People(self.cs)
        self.px = PxModel(self.behaviour)
        self.messages: list[dict[str, Any]] = []
        """What the clickstream endpoint took."""
        self._tokens: dict[str, float] = {}
        self.access_keys: set[str] = set()

    def reset(self, only: Any = None) -> None:
        """Back to the beginning: everything, or the named parts."""
        wanted = PARTS if only is None else only
        if not isinstance(wanted, list | tuple) or any(part not in PARTS for part in wanted):
            raise RefusedError(f"only is a list of {', '.join(PARTS)}.")
        if "state" in wanted:
            self._forget()
        for part, thing in (
            ("requests", self.journal),
            ("faults", self.faults),
            ("limits", self.limits),
            ("behaviour", self.behaviour),
        ):
            if part in wanted:
                thing.reset()

    def add_token(self, token: str, expires_at: float) -> None:
        now = self.clock()
        self._tokens = {known: end for known, end in self._tokens.items() if end > now}
        self._tokens[token] = expires_at

    def knows_token(self, token: str, now: float) -> bool:
        return self._tokens.get(token, 0) > now

    def snapshot(self) -> dict[str, Any]:
        self.people.settle(self.clock())
        cs = self.cs
        standard = (cs.people, cs.companies, cs.links)
        objects = {t.schema.name: list(t.rows.values()) for t in cs.tables.values() if t not in standard}
        seeded = {t.schema.name: t.schema for t in cs.tables.values() if not t.schema.open}
        return {
            "cs": {
                "people": list(cs.people.rows.values()),
                "companies": list(cs.companies.rows.values()),
                "associations": [self._named(link) for link in cs.links.rows.values()],
                "objects": {name: rows for name, rows in objects.items() if rows or name != "gsuser"},
                "events": cs.events,
                "schema": {n: [write_field(f) for f in s.fields.values()] for n, s in seeded.items()},
                "event_definitions": cs.event_definitions,
            },
            "px": {
                "users": list(self.px.users.values()),
                "accounts": list(self.px.accounts.values()),
                "events": self.px.events,
                "attributes": self.px.attributes,
                "denied": sorted(self.px.denied),
            },
            "clickstream": {"messages": self.messages},
        }

    def seed(self, wanted: Any) -> None:
        """Add to what is there: any part of the shape of a snapshot; all of it or nothing."""
        parts = _parts(wanted, {"cs": CS_PARTS, "px": PX_PARTS, "clickstream": ("messages",)})
        cs, px = parts["cs"], parts["px"]
        schemas = {name: _read_schema(name, fields) for name, fields in _dict(cs, "schema").items()}
        objects = {name: _rows(_dict(cs, "objects"), name) for name in _dict(cs, "objects")}
        people, companies = _rows(cs, "people", "Email"), _rows(cs, "companies")
        links = _rows(cs, "associations")
        self._check_links(links, people, companies)
        events, definitions = _rows(cs, "events"), _rows(cs, "event_definitions")
        users, accounts = _rows(px, "users", "identifyId"), _rows(px, "accounts", "id")
        px_events = _rows(px, "events")
        attributes = {kind: _rows(_dict(px, "attributes"), kind, "apiName") for kind in ("user", "account")}
        denied = px.get("denied", [])
        if not isinstance(denied, list) or not all(isinstance(item, str) for item in denied):
            raise RefusedError("px.denied is a list of user ids.")
        messages = _rows(parts["clickstream"], "messages")
        now = self.clock()
        for name, (fields, transactional) in schemas.items():
            schema = self.cs.add_table(name).schema
            schema.add(fields)
            schema.transactional = transactional
        for row in companies:
            self.cs.companies.put(row, now)
        self.people.put(people, now)
        self.people.put_links(links, now)
        for name, rows in objects.items():
            table = self.cs.add_table(name)
            for row in rows:
                table.put(row, now)
        self.cs.events.extend(events)
        self.cs.event_definitions.extend(definitions)
        for kind, records in (("user", users), ("account", accounts)):
            self.px.attributes[kind].extend(attributes[kind])
            for record in records:
                self.px.put(kind, record, now)
        self.px.denied.update(denied)
        self.px.events.extend(px_events)
        self.messages.extend(messages)

    def _check_links(
        self, links: list[dict[str, Any]], people: list[dict[str, Any]], companies: list[dict[str, Any]]
    ) -> None:
        """A seeded link names a person and a company that are there, or come with it."""
        emails = {str(row["Email"]).lower() for row in people}
        names = {row.get("Name") for row in (*companies, *self.cs.companies.rows.values())}
        for link in links:
            email, name = str(link.get("Email", "")).lower(), link.get("Company_Name")
            if not link.get("Person_ID") and email not in emails and self.people.find(email) is None:
                raise RefusedError(
                    f"An association needs a Person_ID or the Email of a person, not {email!r}."
                )
            if not link.get("Company_ID") and name not in names:
                raise RefusedError(f"An association needs a Company_ID or a Company_Name, not {name!r}.")

    def _named(self, link: dict[str, Any]) -> dict[str, Any]:
        """A link with the names of what it joins, for people who read it."""
        person = self.cs.people.rows.get(link.get("Person_ID", ""), {})
        company = self.cs.companies.rows.get(link.get("Company_ID", ""), {})
        return {**link, "Email": person.get("Email"), "Company_Name": company.get("Name")}


def _parts(wanted: Any, known: Mapping[str, tuple[str, ...]]) -> dict[str, dict[str, Any]]:
    if not isinstance(wanted, dict):
        raise RefusedError("A seed is a JSON object with cs, px or clickstream.")
    for name, part in wanted.items():
        if name not in known:
            raise RefusedError(f"A seed has no {name!r}; it has {', '.join(known)}.")
        if not isinstance(part, dict):
            raise RefusedError(f"{name} is an object with {', '.join(known[name])}.")
        for key in part:
            if key not in known[name]:
                raise RefusedError(f"{name} has no {key!r}; it has {', '.join(known[name])}.")
    return {name: wanted.get(name, {}) for name in known}


def _dict(part: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = part.get(name, {})
    if not isinstance(value, dict):
        raise RefusedError(f"{name} is an object by name.")
    return value


def _rows(part: Mapping[str, Any], name: str, key: str | None = None) -> list[dict[str, Any]]:
    rows = part.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RefusedError(f"{name} is a list of objects.")
    if key is not None and not all(isinstance(row.get(key), str) and row[key] for row in rows):
        raise RefusedError(f"Each of {name} needs its {key}.")
    return [dict(row) for row in rows]


def _read_schema(name: str, wanted: Any) -> tuple[list[Any], bool]:
    """A list of fields, or an object with `fields` and `transactional`."""
    transactional = True
    if isinstance(wanted, dict):
        transactional = bool(wanted.get("transactional", True))
        wanted = wanted.get("fields")
    if not isinstance(wanted, list):
        raise RefusedError(f"The schema of {name} is a list of fields.")
    return [read_field(item) for item in wanted], transactional
