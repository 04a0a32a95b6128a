"""The dashboard: pages in front of the management API, as an ASGI application."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gainstage import __version__
from gainstage.body import Disconnected
from gainstage.dashboard.asking import Api, Refused
from gainstage.dashboard.assets import Assets
from gainstage.dashboard.forms import FormRefused, Forms
from gainstage.dashboard.pages import ROOMS
from gainstage.dashboard.rendering import HEADERS, environment
from gainstage.dashboard.rooms import Room, View
from gainstage.dashboard.visit import THEME_COOKIE, THEMES, Caller, Visit, wants_json

_log = logging.getLogger("gainstage.dashboard")

#: What a page says where it can say nothing better.
FAULT = "This is a fault of gainstage: the server's log has the details."


class Site:
    """Answers with pages. `prefix` is the path under which a proxy offers this server. Each
    page of a `demo` says that nothing of it stays.
    """

    def __init__(
        self, management: ASGIApp, prefix: str = "", rooms: Sequence[Room] = ROOMS, *, demo: bool = False
    ) -> None:
        self._management, self._prefix, self._rooms, self._demo = management, prefix, rooms, demo
        self._templates = environment()
        self._assets = Assets()
        self._forms = Forms()
        #: Every path that has a page.
        self.routes: list[BaseRoute] = [
            Mount(self._assets.path, app=self._assets, name="static"),
            *(
                self._route(path, views, path in room.open_to_all)
                for room in rooms
                for path, views in room.routes.items()
            ),
        ]
        self._application = Starlette(
            routes=self.routes, exception_handlers={404: self._missing, 405: _wrong_method}
        )
        self._application.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._application(scope, receive, send)

    def _route(self, path: str, views: Mapping[str, View], is_open: bool) -> Route:
        async def answer(request: Request) -> Response:
            view = views["GET" if request.method == "HEAD" else request.method]
            visit = self._visit(request, Caller(), is_open=is_open)
            try:
                if not is_open:
                    session = await visit.api.get("/api/session")
                    visit = self._visit(request, msgspec.convert(session, Caller))
                return await view(visit)
            except Refused as refused:
                return await self._refused(visit, refused)
            except FormRefused as form:
                page = await self._problem(visit, form.status, form.code, form.message)
                page.headers.update(form.headers)
                return page
            except Disconnected:
                return Response()  # nobody reads it
            except Exception as error:
                reason = type(error).__name__
                _log.error("page_failed", extra={"page": path, "reason": reason}, exc_info=error)
                return await self._problem(visit, 500, "fault", FAULT)

        return Route(path, answer, methods=list(views))

    def _visit(self, request: Request, caller: Caller, *, is_open: bool = False) -> Visit:
        theme = request.cookies.get(THEME_COOKIE, "")
        root = self._root(request)
        around = {
            "root": root,
            "static": root + self._assets.path,
            "version": __version__,
            "rooms": self._rooms,
            "demo": self._demo,
            "here": request.scope["path"],
            "theme": theme if theme in THEMES else "",
        }
        read_form = partial(self._forms.read, is_open=is_open)
        return Visit(request, Api(self._management, request), caller, self._templates, around, read_form)

    def _root(self, request: Request) -> str:
        if self._prefix:
            return self._prefix
        stripped = request.headers.get("x-forwarded-prefix", "").split(",")[0].strip().rstrip("/")
        parts = stripped.split("/")[1:] if stripped.startswith("/") else []
        plain = all(
            part and part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in parts
        )
        return stripped if parts and plain and stripped.isascii() else ""

    async def _refused(self, visit: Visit, refused: Refused) -> Response:
        """Who is not logged in is asked to; anything else is told on a page of its own. A page that is open
        and asks for a part of itself is opened anew when its session has ended.
        """
        if visit.is_partial and refused.status == 401:
            return Response(None, 401, {**HEADERS, "HX-Refresh": "true"})
        if wants_json(visit.request):
            error = {"code": refused.code, "message": refused.message, **refused.more}
            kept = {
                name: refused.headers[name]
                for name in ("retry-after", "www-authenticate")
                if name in refused.headers
            }
            return JSONResponse({"error": error}, refused.status, kept)
        if refused.status == 401 or refused.code == "api_token_not_configured":
            asked = visit.request.url.path
            query = visit.request.url.query
            wanted = f"{asked}?{query}" if query else asked
            back = wanted if visit.request.method in ("GET", "HEAD") and asked != "/" else ""
            return visit.to("/login", back=back)
        return await self._problem(visit, refused.status, refused.code, refused.message, refused.more)

    async def _problem(
        self, visit: Visit, status: int, code: str, message: str, more: Mapping[str, Any] | None = None
    ) -> Response:
        data = {"error": {"code": code, "message": message, **(more or {})}}
        try:
            return await visit.page("problem.html", data, status)
        except Exception as error:
            _log.error("problem_page_failed", extra={"reason": type(error).__name__}, exc_info=error)
            return PlainTextResponse(message, status, HEADERS)

    async def _missing(self, request: Request, error: Exception) -> Response:
        if wants_json(request):
            message = f"nothing is at {request.url.path}"
            return JSONResponse({"code": "not_found", "message": message}, 404)
        visit = self._visit(request, Caller())
        with contextlib.suppress(Refused):
            visit = self._visit(request, msgspec.convert(await visit.api.get("/api/session"), Caller))
        return await self._problem(visit, 404, "not_found", f"There is no page at {request.url.path}.")


async def _wrong_method(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException) and error.headers is not None
    allowed = ", ".join(sorted(name.strip() for name in error.headers["Allow"].split(",")))
    refused = {"code": "method_not_allowed", "message": f"use {allowed}"}
    return JSONResponse(refused, 405, headers={"Allow": allowed})
