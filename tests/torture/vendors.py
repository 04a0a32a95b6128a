"""The vendors of the torture: the sandbox, which takes its time and refuses some values for good."""

from typing import Any

from tests.torture.load import DESTINATIONS, POISONED, poison_for
from tests.world import clickstream, configured, cs, px

#: Counted by the process that computes: how often a user used something, said to Gainsight CS.
TRAIT = "uses"
TRAIT_FIELD = "Uses__gc"
_TRAITS = [{"name": "Uses", "for": "user", "event": "Used", "aggregate": "count", "destinations": ["cs"]}]


def configuration(sandbox: str) -> dict[str, Any]:
    """Every destination, each with a place for the values that are refused, and a computed trait."""
    at_cs, at_px = {POISONED["cs"]: "Poison__gc"}, {POISONED["px"]: "poison"}
    destinations = (
        clickstream(sandbox),
        cs(sandbox, person_fields={**at_cs, TRAIT: TRAIT_FIELD}, company_fields=at_cs),
        px(sandbox, user_attributes=at_px, account_attributes=at_px),
    )
    return {**configured(*destinations), "computed_traits": _TRAITS}


def refusals() -> list[dict[str, Any]]:
    """Faults of the sandbox: what makes each vendor refuse what is poison for it."""
    error = {"result": False, "errorCode": "GSOBJ_1001", "errorDesc": "The value is not allowed."}
    return [
        {"fault": "status", "api": name, "status": 400, "contains": poison_for(name), "times": None,
         **({"answer": error} if name == "cs" else {})}
        for name in DESTINATIONS
    ]  # fmt: skip


def delays(seed: int) -> dict[str, Any]:
    """A fault of the sandbox: some answers take a moment, so that kills meet calls under way."""
    return {"fault": "delay", "seconds": 0.03, "probability": 0.3, "times": None, "seed": seed}


def identification(keyed: bool) -> dict[str, str]:
    """Whether PX honours the ids that it is sent with events is not known: a behaviour for either."""
    return {"px_event_id": "deduplicate" if keyed else "ignore"}
