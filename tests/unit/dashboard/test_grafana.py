"""The example dashboard asks for metrics that there are."""

import json
import re
from typing import Any

from tests.project.sources import ROOT
from tests.unit.dashboard.test_metrics import documented


def example() -> dict[str, Any]:
    return dict(json.loads((ROOT / "docs" / "grafana.json").read_text(encoding="utf-8")))


def test_every_metric_of_the_example_dashboard_exists() -> None:
    dashboard = example()
    known = {name for name, (kind, _) in documented().items() if kind != "histogram"}
    for name, (kind, _) in documented().items():
        if kind == "histogram":
            known |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(expressions) >= 12
    named = {name for one in expressions for name in re.findall(r"gainstage_\w+", one)}
    assert named <= known, named - known
    for one in expressions:
        assert one.count("(") == one.count(")"), one


def test_the_labels_of_the_example_dashboard_are_those_of_its_metrics() -> None:
    dashboard = example()
    labels = {name: set(of) for name, (_, of) in documented().items()}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            for name, filters in re.findall(r"(gainstage_\w+)\{([^}]*)\}", target["expr"]):
                plain = re.sub(r"_(bucket|sum|count)$", "", name) if name not in labels else name
                used = set(re.findall(r"(\w+)\s*[=!]", filters))
                assert used <= labels[plain] | {"job", "instance"}, target["expr"]


def test_the_example_dashboard_groups_by_labels_that_what_it_groups_has() -> None:
    labels = {name: set(of) for name, (_, of) in documented().items()}
    seen = 0
    for panel in example()["panels"]:
        for target in panel.get("targets", ()):
            grouped = [set(re.split(r",\s*", one)) for one in re.findall(r"by \(([^)]*)\)", target["expr"])]
            named = re.findall(r"gainstage_\w+", target["expr"])
            plain = [re.sub(r"_(bucket|sum|count)$", "", one) for one in named]
            have = set.union(*(labels.get(one, set()) for one in (*named, *plain)))
            for one in grouped:
                assert one <= have | {"le", "job", "instance"}, target["expr"]
                seen += 1
    assert seen >= 5
