"""Gainsight PX: users, accounts and custom events by its REST API, or Segment's messages as they are."""

from gainstage.destination import Destination, Doctor
from gainstage.destinations.gainsight_px.api import pretend
from gainstage.destinations.gainsight_px.ceilings import names, within_ceilings
from gainstage.destinations.gainsight_px.checking import canary, check
from gainstage.destinations.gainsight_px.computed import plan_computed
from gainstage.destinations.gainsight_px.deleting import delete
from gainstage.destinations.gainsight_px.describing import describe, read_description
from gainstage.destinations.gainsight_px.doctor import examine, uses
from gainstage.destinations.gainsight_px.exchange import exchange
from gainstage.destinations.gainsight_px.mapping import ACCOUNT, EVENT, USER, plan
from gainstage.destinations.gainsight_px.settings import PxSettings, budgets, tenant, warnings

destination = Destination(
    name="gainsight_px",
    title="Gainsight PX",
    edition="Gainsight PX, for product experience",
    purpose="Keeps Users and Accounts up to date and sends custom events, for analytics and engagements.",
    words=("aptrinsic", "product experience", "users", "accounts", "tag key", "adoption"),
    settings=PxSettings,
    parts={
        "Connection": ("mode", "api_key", "product_tag_key", "data_center", "api_url"),
        "Events": (
            "global_context",
            "page_events",
            "screen_events",
            "view_names",
            "deny_list",
            "event_names",
        ),
        "Values": ("resend_unchanged_after", "when_value_gone"),
        "Delivery": ("budget",),
    },
    kinds=("identify", "group", "track", "page", "screen"),
    integration_names=("Gainsight PX", "gainsight_px"),
    plan=within_ceilings(plan),
    exchange=exchange,
    check=check,
    tenant=tenant,
    budgets=budgets,
    pretend=pretend,
    plan_computed=plan_computed,
    mappings=(USER, ACCOUNT, EVENT),
    concurrency=64,
    warnings=warnings,
    names=names,
    addressed_by=("api_url", "data_center"),
    people=(("user", "id:{id}"),),
    delete=delete,
    doctor=Doctor(describe, read_description, uses, examine),
    canary=canary,
)
