"""Segment's Gainsight destination: whole messages to the clickstream endpoint."""

from gainstage.destination import Destination
from gainstage.destinations.gainsight.api import check, exchange, pretend
from gainstage.destinations.gainsight.mapping import plan
from gainstage.destinations.gainsight.settings import ClickstreamSettings, budgets, tenant, warnings

destination = Destination(
    name="gainsight",
    title="Gainsight (clickstream)",
    edition="Gainsight NXT, through the address of Segment's own Gainsight destination",
    purpose="Passes identify, group and track calls on as they are; Gainsight's Segment connector maps them.",
    words=("clickstream", "segment", "adoption", "nxt", "customer success"),
    settings=ClickstreamSettings,
    kinds=("identify", "group", "track"),
    integration_names=("Gainsight",),
    plan=plan,
    exchange=exchange,
    check=check,
    tenant=tenant,
    budgets=budgets,
    pretend=pretend,
    warnings=warnings,
    people=(("user", "{id}"),),
    delete_by_hand=(
        "The endpoint of Segment's destination takes events and deletes nothing: delete the Person in "
        "Gainsight."
    ),
    # No limit is documented; order is kept per user, not between users.
    concurrency=32,
)
