"""What the demo's server is configured with: two sources, three destinations, an audience and a trait."""

from typing import Any

from gainstage.demo.story import AUDIENCE, AUDIENCE_FIELD, TRAIT, TRAIT_FIELD

WRITE_KEYS = {"website": "demo-website-key", "backend": "demo-backend-key"}
SOURCE_OF = {"segment": "website", "rudderstack": "backend", "raw": "website"}


def configuration(sandbox: str) -> dict[str, Any]:
    """The configuration file's content, as a value."""
    return {
        "sources": [
            {"name": "website", "kind": "web", "write_key": WRITE_KEYS["website"]},
            {"name": "backend", "kind": "server", "write_key": WRITE_KEYS["backend"]},
        ],
        "destinations": [
            {"name": "cs", "type": "gainsight_cs", "settings": _cs(sandbox)},
            {"name": "px", "type": "gainsight_px", "settings": _px(sandbox)},
            {
                "name": "clickstream",
                "type": "gainsight",
                "settings": {"access_key": "d3m0d3m0-0000-4000-8000-d3m0d3m0d3m0", "api_url": sandbox},
            },
        ],
        "audiences": [
            {
                "name": "Report exporters",
                "key": AUDIENCE,
                "where": {"event": "Report Exported", "within": "30d"},
                "destinations": ["cs"],
            }
        ],
        "computed_traits": [
            {
                "name": "Pages exported",
                "key": TRAIT,
                "event": "Report Exported",
                "aggregate": "sum",
                "property": "pages",
                "within": "90d",
                "destinations": ["cs"],
            }
        ],
    }


def _cs(sandbox: str) -> dict[str, Any]:
    return {
        "domain": "demo.gainsightcloud.com",
        "access_key": "demo-cs-access-key",
        "person_fields": {"title": "Job_Title__gc", AUDIENCE: AUDIENCE_FIELD, TRAIT: TRAIT_FIELD},
        "company_fields": {"plan": "Plan__gc"},
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
