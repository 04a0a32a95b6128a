"""Which route answers at a path. A plain path is one look-up in the table; everything else is found here."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from gainstage.ingest.answers import Answer, refusal
from gainstage.ingest.asgi import Receive, Scope, Send

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]

GET = frozenset(("GET", "HEAD"))
POST = frozenset(("POST",))


class Route(NamedTuple):
    """What answers at a path."""

    methods: frozenset[str]
    handle: Handler
    #: Whether pages of other origins call it: preflights are answered, and what it says may be read.
    shared: bool = False


class _Template(NamedTuple):
    start: str
    name: str
    end: str
    route: Route

    def match(self, path: str) -> str:
        """What stands in the place that varies; "" if the path is another one."""
        start, end = len(self.start), len(path) - len(self.end)
        if start >= end or not path.startswith(self.start) or not path.endswith(self.end):
            return ""
        return path[start:end]


class Paths:
    """Finds the paths that are not plain: with slashes too many, below a prefix, with a part that varies.

    A part that varies is written `{name}` in the table; the handler finds it in `path_params` of the scope.
    """

    def __init__(self, routes: Mapping[str, Route], prefix: str) -> None:
        self._routes = routes
        self._prefix = prefix
        self._templates = tuple(_template(path, route) for path, route in routes.items() if "{" in path)

    def find(self, scope: Scope) -> Route | None:
        """The route of a path that is not in the table as it stands."""
        path = _plain(scope["path"])
        if self._prefix and path.startswith(self._prefix):
            path = path[len(self._prefix) :]
        if route := self._routes.get(path):
            return route
        for template in self._templates:
            if found := template.match(path):
                scope["path_params"] = {template.name: found}
                return template.route
        return None

    def inside(self, scope: Scope) -> Scope:
        """The request as it reads without the prefix, where a proxy has left that."""
        path = scope["path"]
        if not self._prefix or not f"{path}/".startswith(f"{self._prefix}/"):
            return scope
        return {**scope, "path": path[len(self._prefix) :] or "/"}


def varying(scope: Scope, name: str) -> str:
    """The part of the path that stands for `{name}`."""
    return str(scope.get("path_params", {}).get(name, ""))


def wrong_method(route: Route) -> Answer:
    """Says which methods the path takes."""
    allowed = ", ".join(sorted(route.methods))
    return refusal(405, "method_not_allowed", f"use {allowed}", allow=allowed)


def _template(path: str, route: Route) -> _Template:
    start, _, rest = path.partition("{")
    name, _, end = rest.partition("}")
    return _Template(start, name, end, route)


def _plain(path: str) -> str:
    """A path without doubled and trailing slashes, which some SDKs and most proxies make."""
    return "/" + "/".join(part for part in path.split("/") if part)
