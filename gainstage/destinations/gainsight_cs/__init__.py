"""Gainsight CS (NXT): People, Companies and the Events Framework."""

from gainstage.destination import Destination, Doctor
from gainstage.destinations.gainsight_cs.api import canary, check, exchange, pretend
from gainstage.destinations.gainsight_cs.bulk import gather
from gainstage.destinations.gainsight_cs.companies import COMPANIES_A_LOOK_UP
from gainstage.destinations.gainsight_cs.computed import plan_computed
from gainstage.destinations.gainsight_cs.describing import describe, read_description
from gainstage.destinations.gainsight_cs.doctor import examine, uses
from gainstage.destinations.gainsight_cs.mapping import COMPANY, EVENT, LINK, PERSON, plan
from gainstage.destinations.gainsight_cs.settings import CsSettings, budgets, tenant, warnings

destination = Destination(
    name="gainsight_cs",
    title="Gainsight CS",
    edition="Gainsight CS (NXT), by its APIs",
    purpose="Keeps Persons and Companies up to date, links them, and sends events to the Events Framework.",
    words=(
        "nxt",
        "customer success",
        "person",
        "people",
        "company",
        "companies",
        "gsid",
        "events framework",
        "rules",
        "csm",
    ),
    settings=CsSettings,
    parts={
        "Connection": (
            "domain",
            "access_key",
            "shared_secret",
            "tenant_id",
            "topic_name",
            "contract_id",
            "people_path",
            "api_url",
        ),
        "Companies": (
            "company_match",
            "company_on_ambiguous",
            "create_companies",
            "csm_lookup",
            "parent_lookup",
        ),
        "Values": ("picklist_values", "date_values", "resend_unchanged_after", "when_value_gone"),
        "Delivery": ("people_bulk", "park_for", "on_unknown", "budget"),
    },
    addressed_by=("api_url", "domain"),
    kinds=("identify", "group", "track"),
    integration_names=("Gainsight",),
    plan=plan,
    exchange=exchange,
    check=check,
    tenant=tenant,
    budgets=budgets,
    pretend=pretend,
    plan_computed=plan_computed,
    mappings=(PERSON, COMPANY, LINK, EVENT),
    key_facts={"company": ("gsid",)},
    batch={"company": COMPANIES_A_LOOK_UP},
    gather=gather,
    warnings=warnings,
    people=(("person", "email:{email}"), ("event", "{id}")),
    delete_by_hand=(
        "The form of a call that deletes a Person is not published: delete the Person in Gainsight CS."
    ),
    doctor=Doctor(describe, read_description, uses, examine),
    canary=canary,
)
