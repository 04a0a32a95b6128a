"""The destinations at work: configuration, number, state and budgets in one place."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from pydantic import BaseModel, SecretStr

from gainstage.clock import SECOND_US
from gainstage.computed import COMPUTED_SOURCE
from gainstage.connection import Configuration, Connected
from gainstage.destination import SECRET_CHARACTERS, Budget, Request, concealer
from gainstage.operating import CANARY_SOURCE
from gainstage.schema import Schema
from gainstage.store.contract import Transaction
from gainstage.store.rows import DestinationRow

DEFAULT_RESEND_SECONDS = DEFAULT_PARK_SECONDS = 7 * 86_400


class Active:
    """A destination at work. `row` is written back by whoever changes it, in the same transaction."""

    def __init__(
        self, connected: Connected, row: DestinationRow, tenant_id: int, schema: Schema | None = None
    ) -> None:
        self.connected = connected
        #: What is known of the tenant's objects.
        self.schema = schema
        self.row = row
        self.number = row.id
        self.tenant_id = tenant_id
        self.settings: Any = connected.settings
        self.budgets: tuple[Budget, ...] = connected.type.budgets(self.settings) if self.settings else ()
        #: How many distinct event names the vendor keeps; None for any number.
        self.names = connected.type.names(self.settings) if self.settings else None
        #: The plan that its flights were begun under: after a change of settings they tell nothing of the
        #: new ones.
        self.plan = row.plan
        #: The records of the first calls that failed since one succeeded, and the last of these calls.
        self.failing: set[int] = set()
        self.failed_call: int | None = None
        #: A call succeeded since the start or the last change of settings; until then calls go one at a time.
        self.proven = False
        #: Backlogs are looked at now and then only.
        self.looks_at_us = 0
        #: Until then nothing goes but live events.
        self.yields_until_us = 0
        #: How long a confirmed value counts as there.
        self.resend_us = _duration_us(self.settings, "resend_unchanged_after", DEFAULT_RESEND_SECONDS)
        #: How long an event waits for what it lacks.
        self.park_us = _duration_us(self.settings, "park_for", DEFAULT_PARK_SECONDS)
        secrets = tuple(secrets_in(self.settings)) if self.settings else ()
        #: A text without any of the destination's secrets.
        self.mask = concealer(secrets)
        #: A request's text without the secrets that are long enough to be told from its own words.
        self.mask_request = concealer(secret for secret in secrets if len(secret) >= SECRET_CHARACTERS)

    @property
    def runs(self) -> bool:
        """Whether it may be called at all."""
        return self.settings is not None and self.connected.enabled and not self.connected.paused

    @property
    def current(self) -> bool:
        """Whether the settings are still the ones in force."""
        return self.plan == self.row.plan

    def succeed(self, before: "Active | None") -> None:
        """Take over what was learnt under the same settings."""
        self.proven = before is not None and before.plan == self.plan and before.proven

    def family(self, name: str) -> tuple[Budget, ...]:
        """The budgets that a request of this family counts against; the first family where empty."""
        wanted = name or (self.budgets[0].family if self.budgets else "")
        return tuple(budget for budget in self.budgets if budget.family == wanted)

    def spent_by(self, request: Request | None) -> tuple[Budget, ...]:
        """Every budget that a request may count against, those of its own family first."""
        if request is None:
            return self.family("")
        return tuple(budget for name in (request.family, *request.also) for budget in self.family(name))


def activate(transaction: Transaction, configuration: Configuration, now_us: int) -> dict[str, Active]:
    """Take a configuration into force: destinations whose settings changed start afresh.

    A change of settings, or of what is known of the tenant's objects, lifts a block, retries what failed, and
    plans pending events anew. Settings that cannot be used are a block.
    """
    found = {}
    for name, connected in configuration.destinations.items():
        row = transaction.destinations.get(name)
        usable = connected.settings is not None
        tenant_id = transaction.names.tenant(connected.tenant) if usable else 0
        schema = transaction.schemas.get(connected.tenant) if usable and connected.type.doctor else None
        active = Active(connected, row, tenant_id, schema)
        fingerprint = fingerprint_of(connected, schema)
        paused = connected.paused or not connected.enabled
        if row.fingerprint != fingerprint or row.paused != paused:
            changed = row.fingerprint is not None and row.fingerprint != fingerprint
            row.fingerprint, row.paused = fingerprint, paused
            if changed:
                row.plan += 1
                row.replan_after = 0
                row.blocked, row.code, row.detail, row.since_us = False, None, None, None
                row.failures, row.resume_us, row.held_us = 0, 0, 0
                transaction.lanes.restart(row.id, now_us)
            transaction.destinations.save(row)
        problem = connected.problem
        if not usable and problem is not None and (row.code, row.detail) != (problem.code, problem.detail):
            row.blocked, row.code, row.detail = True, problem.code, problem.detail
            row.since_us = row.since_us or now_us
            transaction.destinations.save(row)
        active.plan = row.plan
        found[name] = active
    transaction.budgets.declare(_share_limits(found.values()), now_us)
    transaction.vocabulary.limit(_name_limits(found.values()).items())
    transaction.destinations.connect(
        (transaction.names.source(source), active.number)
        for active in found.values()
        for source in (*sorted(active.connected.sources), CANARY_SOURCE, COMPUTED_SOURCE)
        if active.connected.enabled and configuration.feeds(source, active.connected)
    )
    return found


def _share_limits(actives: Iterable[Active]) -> Iterable[Budget]:
    """Where destinations share a budget the lowest limit of those at work holds for all of them.

    For one that is switched off too: calls of it may be under way. Returns the limits in force.
    """
    actives = list(actives)
    lowest: dict[tuple[str, str, str], Budget] = {}
    for budget in (budget for active in actives if active.runs for budget in active.budgets):
        lowest[budget.name] = _lower(budget, lowest.get(budget.name))
    for active in actives:
        active.budgets = tuple(_lower(budget, lowest.get(budget.name)) for budget in active.budgets)
    return lowest.values()


def _lower(one: Budget, other: Budget | None) -> Budget:
    return one if other is None or one.usable < other.usable else other


def _name_limits(actives: Iterable[Active]) -> dict[int, int]:
    """How many event names the tenants keep, the lowest where destinations differ."""
    limits: dict[int, int] = {}
    for active in actives:
        if active.names is not None:
            limits[active.tenant_id] = min(active.names.most, limits.get(active.tenant_id, active.names.most))
    return limits


def fingerprint_of(connected: Connected, schema: Schema | None) -> bytes:
    """Changes when anything changes that decides what is sent, or whether it may be."""
    settings = connected.settings
    told = {
        "type": connected.type.name,
        "kinds": sorted(connected.kinds),
        "settings": revealed(settings.model_dump()) if settings is not None else None,
    }
    if schema is not None:
        told["schema"] = schema.digest.hex()
    content = msgspec.json.encode(told, order="deterministic", enc_hook=str)
    return hashlib.blake2b(content, digest_size=16).digest()


def revealed(value: Any) -> Any:
    """Settings with their secrets in the open, for hashing only."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {str(key): revealed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [revealed(inner) for inner in value]
    return value


def secrets_in(settings: BaseModel) -> Iterable[str]:
    """Every secret value in the settings, nested ones too."""

    def walk(value: Any) -> Iterable[str]:
        if isinstance(value, SecretStr):
            if value.get_secret_value():
                yield value.get_secret_value()
        elif isinstance(value, dict):
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list | tuple | set | frozenset):
            for inner in value:
                yield from walk(inner)

    return walk(settings.model_dump())


def _duration_us(settings: Any, name: str, default_seconds: float) -> int:
    value = getattr(settings, name, default_seconds)
    return int((value.total_seconds() if hasattr(value, "total_seconds") else value) * SECOND_US)
