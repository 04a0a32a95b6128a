"""What a server says of itself is an event and its fields, never a sentence: nothing of a person slips in."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.sources import ROOT, modules, parse, shown

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGERS = {"_log", "logger"}
EVENT = re.compile(r"[a-z]+(_[a-z]+)+|computed")
#: Names of fields that would hold who somebody is, or what somebody sent.
SAYS_WHO = {
    "address", "anonymous_id", "body", "client", "email", "host", "ip", "message_id", "name", "peer",
    "person", "token", "traits", "user", "user_id",
}  # fmt: skip
WRITING = [path for path in modules() if "gainstage" in path.relative_to(ROOT).parts]


@pytest.mark.parametrize("path", WRITING, ids=shown)
def test_a_log_line_is_an_event_with_fields(path: Path) -> None:
    wrong = [f"{shown(path)}:{call.lineno}" for call in said(path) if not is_event(call)]
    assert not wrong, f"name the event and give the rest as fields: {', '.join(wrong)}"


@pytest.mark.parametrize("path", WRITING, ids=shown)
def test_no_field_of_a_log_line_says_who(path: Path) -> None:
    wrong = [
        f"{shown(path)}:{call.lineno} {name}"
        for call in said(path)
        for name in fields(call)
        if name in SAYS_WHO
    ]
    assert not wrong, ", ".join(wrong)


@pytest.mark.parametrize(
    ("source", "right"),
    [
        ('_log.error("request_failed", extra={"reason": "x"})', True),
        ('logger.warning(event, alert="x")', True),
        ('logger.warning("configuration_warning", warning=warning)', True),
        ('_log.error("%s", error)', False),
        ('_log.error("%s in a page", name)', False),
        ('_log.error("history_unavailable %s", error)', False),
        ('_log.error("A sentence.")', False),
        ('_log.error(f"{name}_failed")', False),
        ("logger.error(str(error))", False),
    ],
)
def test_sentences_are_told_from_events(source: str, right: bool) -> None:
    (call,) = calls(ast.parse(source))
    assert is_event(call) is right


def said(path: Path) -> Iterator[ast.Call]:
    return calls(parse(path))


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call that writes a line."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=logger), attr=level)):
                if logger in LOGGERS and level in LEVELS:
                    yield node


def is_event(call: ast.Call) -> bool:
    """Whether it names an event, or a variable that holds the name of one, and puts nothing into the text."""
    match call.args:
        case [ast.Constant(value=str(event))]:
            return EVENT.fullmatch(event) is not None
        case [ast.Name(id="event")]:
            return True
    return False


def fields(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
            yield from (key.value for key in keyword.value.keys if isinstance(key, ast.Constant))  # type: ignore[misc]
        elif keyword.arg is not None:
            yield keyword.arg
