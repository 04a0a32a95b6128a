"""The description of the HTTP surface and the code say the same: paths, methods, and every refusal."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

import gainstage.ingest
import gainstage.management
from gainstage.clock import SystemClock
from gainstage.dashboard.application import pages
from gainstage.dashboard.description import document
from gainstage.ingest import Counts, TrackingApi
from gainstage.log.memory import MemoryLog
from gainstage.management import Access, Management
from gainstage.management.permissions import RULES

INGEST = Path(gainstage.ingest.__file__).parent
MANAGEMENT = Path(gainstage.management.__file__).parent
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
#: A pixel is an image whatever happens; these show in the metrics.
COUNTED_ONLY = {(400, "invalid_query"), (400, "invalid_data")}
#: /v1/b
UNDER_ANOTHER_STATUS = {(400, "body_too_large")}


class NoStatus:
    async def status_now(self, now_us: int) -> dict[str, Any]:
        raise AssertionError("nobody asked")


def management() -> Management:
    counts, clock = Counts(), SystemClock()
    return Management(Path(), NoStatus(), Access(None, clock, lambda scope: "", counts.refused))


def served() -> dict[str, set[str]]:
    """The paths and methods that a server answers; HEAD goes without saying where GET is."""
    api = TrackingApi(MemoryLog(), SystemClock(), lambda: {})
    found = {path: set(route.methods) for path, route in api.routes.items()}
    for route in (*pages(NoStatus(), Counts()).routes, *management().routes):
        assert isinstance(route, Route)
        found[route.path_format] = set(route.methods or ())
    return {path: {name.lower() for name in methods} - {"head"} for path, methods in found.items()}


def test_every_served_path_and_method_is_described_and_nothing_else() -> None:
    described = {path: METHODS & set(item) for path, item in document()["paths"].items()}
    assert described == served()


def test_the_description_is_valid_openapi() -> None:
    import schemathesis  # here: it takes a second, which each process would pay to collect the tests

    schemathesis.openapi.from_dict(document()).validate()


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(names) == len(set(names))


def test_every_refusal_of_the_code_is_described_and_nothing_else() -> None:
    told = set(coded_refusals()) - COUNTED_ONLY | UNDER_ANOTHER_STATUS
    assert set(described_refusals(ours=False)) == told


def test_every_refusal_of_the_management_api_is_described_and_nothing_else() -> None:
    of_bodies = {refusal for refusal in coded_refusals(INGEST / "body.py") if refusal[0] != 503}
    assert set(described_refusals(ours=True)) == set(coded_problems()) | of_bodies


def test_every_operation_of_the_management_api_needs_a_token_or_a_session_and_says_which_role() -> None:
    """All but those by which somebody gets in."""
    open_ = set()
    for path, method, operation in operations_by_method():
        if "management" not in operation["tags"]:
            continue
        if operation["x-least-role"] is None:
            open_.add((method, path))
            assert operation["security"] == [], path
            continue
        session = {"session": []} if method == "get" else {"session": [], "csrfToken": []}
        assert operation["security"] == [{"managementToken": []}, session], path
        assert {"401", "403", "429"} <= set(operation["responses"]), path
    assert open_ == {("get", "/api/setup"), ("post", "/api/setup"), ("post", "/api/session")}


def test_the_description_says_of_each_operation_the_role_of_the_one_table() -> None:
    table = {
        (method.lower(), re.sub(r":\w+}", "}", path)): rule.role
        for path, rules in RULES.items()
        for method, rule in rules.items()
    }
    assert table == {
        (method, path): operation["x-least-role"]
        for path, method, operation in operations_by_method()
        if "management" in operation["tags"]
    }


def test_every_described_answer_is_in_use() -> None:
    used = {
        answer["$ref"].rpartition("/")[2]
        for _, operation in operations()
        for answer in operation["responses"].values()
        if "$ref" in answer
    }
    said_in_general = {"NotFound", "MethodNotAllowed", "ApiNotFound", "ApiMethodNotAllowed"}
    assert used | said_in_general == set(document()["components"]["responses"])


@pytest.mark.parametrize("name", ["NotFound", "MethodNotAllowed"])
def test_answers_that_no_operation_names_are_named_in_the_text(name: str) -> None:
    assert f"`{name}`" in document()["info"]["description"]
    (tag,) = (tag for tag in document()["tags"] if tag["name"] == "management")
    assert f"`Api{name}`" in tag["description"]


def operations_by_method() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document()["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document()["paths"].items():
        for method in METHODS & set(item):
            yield path, item[method]


def described_refusals(*, ours: bool) -> Iterator[tuple[int, str]]:
    """Status and code of every refusal that an operation, or the text for all of them, names: those of the
    management API, or all others.
    """
    responses = document()["components"]["responses"]
    start = "Api" if ours else ""
    statuses = {f"{start}NotFound": {404}, f"{start}MethodNotAllowed": {405}}
    for _, operation in operations():
        if ("management" in operation["tags"]) is not ours:
            continue
        for status, answer in operation["responses"].items():
            if "$ref" in answer:
                statuses.setdefault(answer["$ref"].rpartition("/")[2], set()).add(int(status))
    for name, found in statuses.items():
        schema = responses[name]["content"]["application/json"]["schema"]
        schema = schema.get("properties", {}).get("error", schema)
        for code in schema.get("properties", {}).get("code", {}).get("enum", ()):
            yield from ((status, code) for status in found)


def coded_refusals(*paths: Path) -> Iterator[tuple[int, str]]:
    """Status and code of every call of `refusal` in the tracking API."""
    for path in paths or INGEST.glob("*.py"):
        for status, code in called(path, "refusal"):
            assert isinstance(status, ast.Constant) and isinstance(code, ast.Constant), path
            yield int(str(status.value)), str(code.value)


def coded_problems() -> Iterator[tuple[int, str]]:
    """Status and code of every `Problem` in the management API, but those that bodies bring along."""
    for path in MANAGEMENT.glob("*.py"):
        for status, code in called(path, "Problem"):
            if isinstance(status, ast.Constant) and isinstance(code, ast.Constant):
                yield int(str(status.value)), str(code.value)


def called(path: Path, name: str) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The first two arguments of every call of a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node.args[0], node.args[1]
