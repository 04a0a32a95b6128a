"""A request as the models' HTTP layers see it, and what they answer. No vendor knowledge here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import msgspec

if TYPE_CHECKING:
    from gainstage_sandbox.state import State

JSON_TYPE = "application/json"
HTML_TYPE = "text/html; charset=utf-8"


class UnreadableError(Exception):
    """The body is not JSON, or not JSON of the kind that was asked for."""


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    method: str
    raw_path: str
    query_string: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    now: float
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "").strip()

    def json(self) -> Any:
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableError(f"The body is not valid JSON: {error}.") from error

    def json_object(self) -> dict[str, Any]:
        value = self.json()
        if not isinstance(value, dict):
            raise UnreadableError("The body must be a JSON object.")
        return value


Handler = Callable[["State", Call], Answer]


class Route:
    """One documented call: `template` is a path with `{name}` for one percent-encoded segment."""

    __slots__ = ("api", "family", "handler", "login", "method", "pattern", "template")

    def __init__(
        self, api: str, method: str, template: str, handler: Handler, *, login: str, family: str
    ) -> None:
        self.api = api
        self.method = method
        self.template = template
        self.handler = handler
        self.login = login
        self.family = family
        literal = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        self.pattern = re.compile(literal)

    def params_of(self, raw_path: str) -> dict[str, str] | None:
        match = self.pattern.fullmatch(raw_path)
        return {name: unquote(value) for name, value in match.groupdict().items()} if match else None


def find_route(routes: Sequence[Route], method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
    """The first route that fits; a route of the wrong method only when none has the right one."""
    wrong: tuple[Route, dict[str, str]] | None = None
    for route in routes:
        params = route.params_of(raw_path)
        if params is None:
            continue
        if route.method == method:
            return route, params
        wrong = wrong or (route, params)
    return wrong


def json_answer(status: int, value: Any, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, msgspec.json.encode(value), JSON_TYPE, headers or {})


def html_answer(status: int, title: str, sentence: str) -> Answer:
    text = (
        f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>"
        f"<body><h1>{title}</h1><p>{sentence}</p></body></html>\n"
    )
    return Answer(status, text.encode(), HTML_TYPE)
