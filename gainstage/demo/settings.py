"""What the demo's server is configured with: two sources, three destinations, an audience and a trait.

All of it is the dashboard's, as if somebody had set it up on its pages, and can be changed there.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from gainstage.app import Unreadable, add_destination, add_source, audited, define, read_fields
from gainstage.demo.story import AUDIENCE, AUDIENCE_FIELD, TRAIT, TRAIT_FIELD
from gainstage.demo.tenant import PLAN_FIELD, TITLE_FIELD
from gainstage.errors import UsageError

WRITE_KEYS = {"website": "demo-website-key", "backend": "demo-backend-key"}
SOURCE_OF = {"segment": "website", "rudderstack": "backend", "raw": "website"}


def set_up(data: Path, sandbox: str) -> None:
    """Put it in force on a data folder, noted in the audit log like all that is set up."""
    for name, given in _sources().items():
        with audited(data, "source.add", name):
            add_source(data, name, given, _anything)
    for name, given in _destinations(sandbox).items():
        with audited(data, "destination.add", name):
            add_destination(data, name, given, _anything)
    for key, given in _definitions().items():
        with audited(data, "audience.define", key):
            define(data, key, given)


def read_tenant(data: Path) -> None:
    """Read the fields of the sandbox's tenant, as a check does: mappings are held against them."""
    for name in ("cs", "px"):
        with suppress(UsageError, Unreadable), audited(data, "fields.read", name):
            read_fields(data, None, name)


def _anything(_: object) -> None:
    """Who runs the demo may configure all of it."""


def _sources() -> dict[str, dict[str, Any]]:
    kinds = {"website": "web", "backend": "server"}
    return {name: {"kind": kind, "write_key": WRITE_KEYS[name]} for name, kind in kinds.items()}


def _destinations(sandbox: str) -> dict[str, dict[str, Any]]:
    clickstream = {"access_key": "d3m0d3m0-0000-4000-8000-d3m0d3m0d3m0", "api_url": sandbox}
    return {
        "cs": {"type": "gainsight_cs", "settings": _cs(sandbox)},
        "px": {"type": "gainsight_px", "settings": _px(sandbox)},
        "clickstream": {"type": "gainsight", "settings": clickstream},
    }


def _definitions() -> dict[str, dict[str, Any]]:
    audience = {
        "name": "Report exporters",
        "where": {"event": "Report Exported", "within": "30d"},
        "destinations": ["cs"],
    }
    trait = {
        "name": "Pages exported",
        "event": "Report Exported",
        "aggregate": "sum",
        "property": "pages",
        "within": "90d",
        "destinations": ["cs"],
    }
    return {AUDIENCE: {"audience": audience}, TRAIT: {"computed_trait": trait}}


def _cs(sandbox: str) -> dict[str, Any]:
    return {
        "domain": "demo.gainsightcloud.com",
        "access_key": "demo-cs-access-key",
        "person_fields": {"title": TITLE_FIELD, AUDIENCE: AUDIENCE_FIELD, TRAIT: TRAIT_FIELD},
        "company_fields": {"plan": PLAN_FIELD},
        "shared_secret": "demo-shared-secret",
        "tenant_id": "demo-tenant",
        "topic_name": "product_usage",
        "events": {
            "Signed Up": {"name": "signed_up", "version": "v01"},
            "Report Exported": {"name": "report_exported", "version": "v01"},
        },
        "api_url": sandbox,
    }


def _px(sandbox: str) -> dict[str, Any]:
    return {"api_key": "demo-px-api-key", "product_tag_key": "AP-DEMO000001-2", "api_url": sandbox}
