"""A case with a tenant of Gainsight CS."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

from gainstage.destination import Request, Response
from tests.properties import case
from tests.properties.cs.firms import Naming
from tests.properties.cs.values import HOLDINGS, SCHEMA, USERS
from tests.properties.values import Value

#: Stands for the company of a row that has nothing but a name that several have.
FLOATING = -1


@dataclass(frozen=True)
class Said(case.Message):
    """One message, and what it says."""

    previous: str
    #: The e-mail that it tells, in small letters; empty where it tells none.
    tells: str
    values: tuple[Value, ...]
    naming: Naming | None
    #: Name of the track, and whether its properties are ones that the tenant knows.
    track: str
    known: bool


@dataclass
class Case(case.Case):
    """One world."""

    closed: bool = False
    people: list[dict[str, Any]] = field(default_factory=list)
    companies: list[dict[str, Any]] = field(default_factory=list)
    #: Companies that share a name. One of them may be the one that the tenant has without any other key.
    sharing: tuple[int, ...] = ()

    world = "cs"
    destination = "gainsight_cs"
    lists = (*case.Case.lists, "people", "companies")

    def before(self) -> dict[str, Any]:
        users = [{"Gsid": gsid, "Email": email, "Name": email} for email, gsid in USERS.items()]
        holdings = [{"Gsid": gsid, "Name": name} for name, gsid in HOLDINGS.items()]
        rows = [{k: v for k, v in row.items() if k != "_firm"} for row in self.companies]
        seed: dict[str, Any] = {
            "companies": [*holdings, *rows],
            "people": self.people,
            "objects": {"gsuser": users},
        }
        return {"cs": seed | ({"schema": SCHEMA} if self.closed else {})}

    def published(self, request: Request) -> str | None:
        return json.loads(request.body).get("seq", "") if request.url.endswith("/event") else None

    def took(self, response: Response) -> str:
        body = response.json()
        result = body.get("result") if isinstance(body, dict) else None
        if response.status >= 300 or result is False:  # a refusal may come with 200
            return "no"
        return "yes" if result is True else "lost"

    def is_sound(self, before: Self) -> bool:
        """Whether it is still known which messages mean one company."""
        named = {said.naming.firm for said in self.messages if said.naming is not None}
        if named & {row["_firm"] for row in before.companies} - {row["_firm"] for row in self.companies}:
            return False
        kept = {said.message_id for said in self.messages}
        bridges = [said for said in before.messages if said.naming is not None and said.naming.bridge]
        return all(said.message_id in kept or said.naming.firm not in named for said in bridges)

    def plainer(self) -> Iterator[Self]:
        for rule in self.first["field_rules"]:
            rules = {k: v for k, v in self.first["field_rules"].items() if k != rule}
            yield replace(self, settings={n: {**s, "field_rules": rules} for n, s in self.settings.items()})
        for place, sent in enumerate(self.sent):
            for at, said in enumerate(sent.messages):
                for value in said.values:
                    traits = {k: v for k, v in said.body["traits"].items() if k != value.trait}
                    body = {**said.body, "traits": traits}
                    values = tuple(v for v in said.values if v != value)
                    yield self.with_message(place, at, replace(said, values=values, body=body))

    def own_lines(self) -> list[str]:
        return [
            f"schema {'known' if self.closed else 'open'}",
            *(f"there before: person {row}" for row in self.people),
            *(f"there before: company {row}" for row in self.companies),
        ]
