"""One request for a page: who asks, what they may ask of the API, and the answer's forms."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import anyio.to_thread
import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gainstage.accounts import Role, allows
from gainstage.dashboard.asking import Api, Told
from gainstage.dashboard.forms import Form
from gainstage.dashboard.rendering import HEADERS, told_texts

#: Holds what the next page has to tell; the theme that somebody chose.
TOLD_COOKIE = "gainstage_told"
THEME_COOKIE = "gainstage_theme"
THEMES = ("light", "dark")

ReadForm = Callable[[Request], Awaitable[Form]]


class Caller(msgspec.Struct):
    """Who asks, as `GET /api/session` tells; nobody has no role."""

    kind: str = "nobody"
    name: str = ""
    role: str = ""
    csrf: str | None = None


class Visit:
    """What a page's function is given."""

    def __init__(
        self,
        request: Request,
        api: Api,
        caller: Caller,
        templates: Environment,
        surroundings: Mapping[str, Any],
        read_form: ReadForm,
    ) -> None:
        self.request, self.api, self.caller = request, api, caller
        self._templates, self._surroundings, self._read_form = templates, surroundings, read_form
        self._form: Form | None = None
        self._told: list[dict[str, str]] = []
        self._cookies: list[str] = []

    @property
    def root(self) -> str:
        """The path under which a proxy offers this server; "" for none."""
        return str(self._surroundings["root"])

    @property
    def wants_json(self) -> bool:
        """Whether whoever asks is a program."""
        return wants_json(self.request)

    @property
    def is_partial(self) -> bool:
        """Whether a page that is open asks for a part of itself."""
        return self.request.headers.get("hx-request") == "true"

    def may(self, role: Role) -> bool:
        """Whether the caller's role is enough; the API asks again."""
        return allows(self.caller.role, role)

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the address."""
        return self.request.query_params.get(name, default).strip()

    def path(self, name: str) -> str:
        """The part of the path that varies."""
        return str(self.request.path_params[name])

    def url(self, path: str, **query: Any) -> str:
        """The address of a page of ours; what is None or "" is left out of its query."""
        stated = {name: value for name, value in query.items() if value not in (None, "")}
        return f"{self.root}{path}" + (f"?{urlencode(stated, doseq=True)}" if stated else "")

    async def form(self) -> Form:
        """What the form holds.

        Raises:
            FormRefused: it cannot be taken.
            Disconnected: nobody is there to be answered.
        """
        if self._form is None:
            self._form = await self._read_form(self.request)
        return self._form

    async def get(self, path: str, **query: Any) -> Any:
        """A document of the API.

        Raises:
            Refused: there is none, or not for this caller.
        """
        return await self.api.get(path, **query)

    async def send(self, method: str, path: str, body: Any = None, **query: Any) -> Told:
        """Have the API do something, with the CSRF token of the form. A cookie that it gives or takes away is
        passed on.

        Raises:
            Refused: it was not done.
        """
        csrf = (await self.form()).get("csrf")
        told = await self.api.ask(method, path, body, query=query, csrf=csrf)
        if cookie := told.headers.get("set-cookie"):
            self._cookies.append(cookie)
        return told

    def tell(self, text: str, kind: str = "success") -> None:
        """Have the page that comes next say a sentence: `kind` is success, info, warning or danger."""
        self._told.append({"kind": kind, "text": text})

    async def page(self, template: str, data: Mapping[str, Any], status: int = 200) -> Response:
        """The page of these data, or the data themselves to a program."""
        if self.wants_json:
            content = msgspec.json.encode(data, enc_hook=str)
            return Response(content, status, self._headers(), "application/json")
        told = [*told_texts(self.request.cookies.get(TOLD_COOKIE)), *self._told]
        around = {**self._surroundings, "visit": self, "who": self.caller, "told": told, "url": self.url}
        made = self._templates.get_template(template)
        html = await anyio.to_thread.run_sync(lambda: made.render({**around, **data}))
        answer = HTMLResponse(html, status, self._headers())
        if TOLD_COOKIE in self.request.cookies:
            answer.delete_cookie(TOLD_COOKIE, path=self.root or "/")
        return self._with_cookies(answer)

    def to(self, path: str, **query: Any) -> Response:
        """Another page, after something was done; it says what was to be told."""
        answer = Response(None, 303, {**HEADERS, "Location": self.url(path, **query)})
        if self._told:
            texts = msgspec.json.encode(self._told).hex()
            answer.set_cookie(
                TOLD_COOKIE, texts, max_age=60, path=self.root or "/", httponly=True, samesite="lax"
            )
        return self._with_cookies(answer)

    def _headers(self) -> dict[str, str]:
        return dict(HEADERS)

    def _with_cookies(self, answer: Response) -> Response:
        for cookie in self._cookies:
            answer.raw_headers.append((b"set-cookie", cookie.encode("latin-1")))
        return answer


def wants_json(request: Request) -> bool:
    """Browsers name HTML among what they take; programs do not. htmx takes anything, and means HTML."""
    of_a_page = request.headers.get("hx-request") == "true"
    return not of_a_page and "text/html" not in request.headers.get("accept", "")
