"""The frame of the pages: who is let in, what a form sends on, how refusals look; without a browser."""

from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gainstage.dashboard.rooms import Room
from gainstage.dashboard.site import Site
from gainstage.dashboard.visit import Visit

pytestmark = pytest.mark.anyio

CSRF = "the-token-of-the-session"
HTML = {"Accept": "text/html"}


class Management:
    """A management API of which everything is noted."""

    def __init__(self, session: int = 200) -> None:
        self.session = session
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        self.asked.append((request.method, str(request.url.path), dict(request.headers), body))
        await self._answer(request)(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        if request.url.path == "/api/session" and request.method == "GET":
            who = {"kind": "user", "name": "ann", "role": "viewer", "csrf": CSRF}
            error = {"error": {"code": "session_ended", "message": "This session has ended: log in again."}}
            return JSONResponse(who if self.session == 200 else error, self.session)
        if request.url.path == "/api/refused":
            error = {"code": "conflict", "message": "Not <b>now</b>.", "problems": ["one", "two"]}
            return JSONResponse({"error": error}, 409, {"Retry-After": "5"})
        return JSONResponse({"query": str(request.query_params)}, headers={"Set-Cookie": "kept=1"})


async def show(visit: Visit) -> Response:
    return await visit.page("problem.html", {"error": {"code": "none", "message": "Nothing."}})


async def do(visit: Visit) -> Response:
    form = await visit.form()
    await visit.send("POST", "/api/things", {"name": form.get("name")}, kind="big", none=None)
    visit.tell("It was done.")
    return visit.to("/overview", place="there", left_out="")


async def fail(visit: Visit) -> Response:
    raise ValueError("secret")


async def refuse(visit: Visit) -> Response:
    return await visit.page("problem.html", await visit.get("/api/refused"))


ROOM = Room(
    {
        "/overview": {"GET": show, "POST": do},
        "/fails": {"GET": fail},
        "/refused": {"GET": refuse},
    },
    "Room",
    "/overview",
    "home",
)


async def ask(
    method: str, path: str, management: Management | None = None, prefix: str = "", **more: Any
) -> httpx2.Response:
    site = Site(management or Management(), prefix, (ROOM,))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(site), base_url="http://server") as client:
        return await client.request(method, path, **more)


async def test_a_form_goes_to_the_api_as_json_with_the_tokens_of_whoever_sent_it() -> None:
    management = Management()
    headers = {**HTML, "Cookie": "gainstage_session=s", "Sec-Fetch-Site": "same-origin", "X-Evil": "1"}
    sent = {"csrf": CSRF, "name": " Ann "}
    answer = await ask("POST", "/overview", management, headers=headers, data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/overview?place=there")
    method, path, headers, body = management.asked[-1]
    assert (method, path, body) == ("POST", "/api/things", b'{"name":"Ann"}')
    assert headers["x-csrf-token"] == CSRF and headers["cookie"] == "gainstage_session=s"
    assert headers["sec-fetch-site"] == "same-origin" and headers["content-type"] == "application/json"
    assert "x-evil" not in headers
    cookies = answer.headers.get_list("set-cookie")
    assert "kept=1" in cookies and len(cookies) == 2


async def test_the_next_page_says_what_was_done_once() -> None:
    sent = await ask("POST", "/overview", headers=HTML, data={"csrf": CSRF, "name": "x"})
    told = next(one for one in sent.headers.get_list("set-cookie") if one.startswith("gainstage_told="))
    page = await ask("GET", "/overview", headers={**HTML, "Cookie": told.partition(";")[0]})
    assert "It was done." in page.text
    assert "gainstage_told=" in page.headers["set-cookie"] and "Max-Age=0" in page.headers["set-cookie"]


@pytest.mark.parametrize("value", ["zz", "7b7d", "[]", "5b7b7d5d"])
async def test_what_others_put_into_that_cookie_is_passed_over(value: str) -> None:
    page = await ask("GET", "/overview", headers={**HTML, "Cookie": f"gainstage_told={value}"})
    assert page.status_code == 200


async def test_whoever_has_no_session_is_asked_to_log_in_and_comes_back() -> None:
    answer = await ask("GET", "/overview?a=1", Management(401), headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?back=%2Foverview%3Fa%3D1")
    program = await ask("GET", "/overview", Management(401))
    assert (program.status_code, program.json()["error"]["code"]) == (401, "session_ended")


async def test_an_open_page_whose_session_has_ended_is_opened_anew() -> None:
    answer = await ask("GET", "/overview", Management(401), headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-refresh"], answer.text) == (401, "true", "")


async def test_a_refusal_is_told_as_a_page_or_as_json() -> None:
    page = await ask("GET", "/refused", headers=HTML)
    assert page.status_code == 409
    assert "Not &lt;b&gt;now&lt;/b&gt;." in page.text and "two" in page.text
    program = await ask("GET", "/refused")
    assert program.json() == {
        "error": {"code": "conflict", "message": "Not <b>now</b>.", "problems": ["one", "two"]}
    }
    assert program.headers["retry-after"] == "5"


async def test_a_fault_of_ours_is_told_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    page = await ask("GET", "/fails", headers=HTML)
    assert page.status_code == 500 and "fault of gainstage" in page.text and "secret" not in page.text
    assert "ValueError" in caplog.text


async def test_a_page_that_is_not_there_says_so() -> None:
    page = await ask("GET", "/nowhere/<x>", headers=HTML)
    assert page.status_code == 404 and "/nowhere/" in page.text and "<x>" not in page.text
    assert (await ask("GET", "/nowhere")).json()["code"] == "not_found"
    wrong = await ask("DELETE", "/overview", headers=HTML)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_a_form_that_is_too_large_is_refused() -> None:
    answer = await ask("POST", "/overview", headers=HTML, data={"name": "x" * 5_000_000})
    assert answer.status_code == 413
    answer = await ask("POST", "/overview", headers=HTML, data={"name": ["x"] * 30_000})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("prefix", "said", "root"),
    [
        ("", "", ""),
        ("/staged", "", "/staged"),
        ("", "/staged/deep/", "/staged/deep"),
        ("/staged", "/other", "/staged"),
        ("", "//evil.example", ""),
        ("", "/a'b", ""),
        ("", "https://evil.example/", ""),
    ],
)
async def test_links_begin_with_the_path_below_which_a_proxy_offers_the_server(
    prefix: str, said: str, root: str
) -> None:
    page = await ask("GET", "/overview", None, prefix, headers={**HTML, "X-Forwarded-Prefix": said})
    assert f'href="{root}/overview"' in page.text
    assert f'href="{root}/static/' in page.text


async def test_every_page_is_sent_under_the_policy_and_kept_by_nobody() -> None:
    for path in ("/overview", "/nowhere", "/refused"):
        headers = (await ask("GET", path, headers=HTML)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


async def test_assets_are_kept_for_good_and_what_is_no_asset_is_not() -> None:
    site = Site(Management(), "", (ROOM,))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(site), base_url="http://server") as client:
        path = site.routes[0].path  # type: ignore[attr-defined]
        found = await client.get(f"{path}/vendor/css/tabler.min.css", headers={"Accept-Encoding": "gzip"})
        assert found.status_code == 200 and "immutable" in found.headers["cache-control"]
        assert found.headers["content-encoding"] == "gzip"
        missing = await client.get(f"{path}/../site.py")
        assert missing.status_code == 404
        nothing = await client.get(f"{path}/nothing.css")
        assert nothing.status_code == 404 and "cache-control" not in nothing.headers
