"""What a mapping's fields offer while somebody types: names that were sent, with how often, and fields."""

from collections.abc import Iterable, Mapping
from typing import Any

from gainstage.dashboard.visit import Visit

#: Names in a list that is offered; the most frequent.
MOST = 300


async def offers_for(
    visit: Visit, destination: Mapping[str, Any], fields: Any, inputs: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """By list: `value` and `label` of each entry; under `unmapped` traits that no field was there for, and of
    which calls they are.
    """
    wanted = list(inputs)
    lists: dict[str, list[dict[str, str]]] = {}
    names = {one["names"] for one in wanted} - {None}
    if "track" in names:
        lists["track"] = await _tracks(visit, destination)
    unmapped: list[dict[str, Any]] = []
    if names & {"identify", "group"}:
        seen = await visit.get("/api/traits")
        for kind in sorted(names & {"identify", "group"}):
            lists[kind] = [
                {"value": one["name"], "label": f"in {one['events']:,} of the last calls"}
                for one in seen["traits"]
                if one["type"] == kind
            ][:MOST]
        grouped = {one["name"] for one in seen["traits"] if one["type"] == "group"}
        grouped -= {one["name"] for one in seen["traits"] if one["type"] == "identify"}
        unmapped = [
            {**one, "of": "group" if one["name"] in grouped else "identify"}
            for one in seen["unmapped"]
            if one["destination"] == destination["name"]
        ]
    for one in wanted:
        if name := one["object"]:
            lists[name] = _fields(fields, name, own_alone=one["own"])
    return {"lists": lists, "unmapped": unmapped}


async def _tracks(visit: Visit, destination: Mapping[str, Any]) -> list[dict[str, str]]:
    """Names of track calls of the destination's sources."""
    counts: dict[str, int] = {}
    for one in (await visit.get("/api/names"))["names"]:
        if one["type"] == "track" and one["source"] in destination["sources"]:
            counts[one["name"]] = counts.get(one["name"], 0) + one["count"]
    frequent = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]
    return [{"value": name, "label": f"{n:,} event{'s' if n != 1 else ''}"} for name, n in frequent]


def _fields(fields: Any, name: str, *, own_alone: bool) -> list[dict[str, str]]:
    """The fields of an object that may be written; `own_alone`: those that the tenant made."""
    objects = fields["objects"] if fields is not None else []
    found = next((one for one in objects if one["name"].lower() == name.lower()), None)
    if found is None:
        return []
    writable = [
        one
        for one in found["fields"]
        if not one.get("read_only") and not (own_alone and one.get("custom") is False)
    ]
    return [
        {
            "value": one["name"],
            "label": ", ".join(text for text in (one.get("label"), one.get("type")) if text),
        }
        for one in writable
    ][:MOST]
