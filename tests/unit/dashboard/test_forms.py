"""What a page's form may hold, how long it may take, and how much all of them may hold at once."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.responses import Response

from gainstage.dashboard import forms
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.site import Site
from gainstage.dashboard.visit import Visit
from tests.unit.dashboard.test_site import Management

pytestmark = pytest.mark.anyio

Answer = tuple[int, dict[str, str], str]


async def read(visit: Visit) -> Response:
    """Says how much the form's field held."""
    return Response(str(len((await visit.form()).raw("text"))))


ROOM = Room({"/change": {"POST": read}, "/enter": {"POST": read}}, open_to_all=frozenset({"/enter"}))


class Sender:
    """Sends the pieces of a form, then nothing more for as long as it is asked to wait."""

    def __init__(self, *pieces: bytes, ends: bool = True, leaves: bool = False) -> None:
        self.pieces, self.ends, self.leaves = list(pieces), ends, leaves
        self.goes_on, self.waits = asyncio.Event(), asyncio.Event()
        self.answer: Answer | None = None

    async def receive(self) -> dict[str, Any]:
        if self.pieces:
            part = self.pieces.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self.pieces) or not self.ends}
        if not self.leaves:
            self.waits.set()
            await self.goes_on.wait()
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    async def ask(
        self, site: Site, path: str = "/change", headers: Mapping[str, str] | None = None
    ) -> Answer:
        given = {"accept": "text/html", "host": "server", **(headers or {})}
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "query_string": b"", "client": ("192.0.2.1", 1), "server": ("server", 80),
            "scheme": "http", "http_version": "1.1",
        }  # fmt: skip
        await site(scope, self.receive, send)
        start, *bodies = sent
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        self.answer = start["status"], told, b"".join(one.get("body", b"") for one in bodies).decode()
        return self.answer


@pytest.fixture
def site() -> Site:
    return Site(Management(), "", (ROOM,))


def text(size: int) -> bytes:
    """A form of so many bytes."""
    return b"text=" + b"x" * (size - 5)


@pytest.mark.parametrize(
    ("path", "most"), [("/change", forms.LARGEST_FORM), ("/enter", forms.LARGEST_OPEN_FORM)]
)
async def test_a_form_may_hold_so_much_and_not_a_byte_more(site: Site, path: str, most: int) -> None:
    half = most // 2
    for pieces in ((text(most),), (text(half), b"x" * (most - half))):
        status, _, told = await Sender(*pieces).ask(site, path)
        assert (status, told) == (200, str(most - 5))
    for pieces in ((text(most + 1),), (text(half), b"x" * (most - half), b"x")):
        status, _, told = await Sender(*pieces).ask(site, path)
        assert (status, "holds more than" in told) == (413, True)


async def test_a_form_of_more_fields_than_any_has_is_refused(site: Site) -> None:
    assert (await Sender(b"&".join([b"a=1"] * forms.MOST_FIELDS)).ask(site))[0] == 200
    assert (await Sender(b"&".join([b"a=1"] * (forms.MOST_FIELDS + 1))).ask(site))[0] == 413


@pytest.mark.parametrize(("path", "most"), [("/change", forms.LARGEST_FORM), ("/enter", 65536)])
async def test_a_form_is_refused_by_its_length_before_it_is_read(site: Site, path: str, most: int) -> None:
    sender = Sender(b"text=x")
    status, headers, _ = await sender.ask(site, path, {"content-length": str(most + 1)})
    assert (status, len(sender.pieces), "connection" in headers) == (413, 1, False)
    status, headers, _ = await sender.ask(site, path, {"content-length": str(10**12)})
    assert (status, len(sender.pieces), headers["connection"]) == (413, 1, "close")
    assert (await sender.ask(site, path, {"content-length": "x"}))[0] == 400


@pytest.mark.parametrize("pieces", [(), (b"text=",)])
async def test_a_form_that_never_ends_is_given_up(
    site: Site, monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr("gainstage.body.READ_SECONDS", 0.01)
    for path in ("/change", "/enter"):
        status, headers, told = await Sender(*pieces, ends=False).ask(site, path)
        assert (status, headers["connection"], "too long" in told) == (408, "close", True)


async def test_all_forms_together_hold_so_much_and_then_there_is_room_again(site: Site) -> None:
    slow = [
        Sender(text(forms.LARGEST_FORM), ends=False)
        for _ in range(forms.TOGETHER_BYTES // forms.LARGEST_FORM)
    ]
    asking = [asyncio.create_task(one.ask(site)) for one in slow]
    for one in slow:
        await one.waits.wait()
    status, headers, told = await Sender(text(9), b"x").ask(site)
    assert (status, headers["retry-after"], headers["connection"]) == (503, "5", "close")
    assert "at once" in told
    assert (await Sender(text(9)).ask(site))[0] == 200, "what comes in one piece is not held"
    assert (await Sender(text(9), b"x").ask(site, "/enter"))[0] == 200, "who is logged in keeps nobody out"
    for one in slow:
        one.goes_on.set()
    await asyncio.gather(*asking)
    assert {one.answer[0] for one in slow if one.answer} == {200}
    assert (await Sender(text(9), b"x").ask(site))[0] == 200


async def test_forms_that_need_no_login_leave_those_of_whoever_is_logged_in_their_room(site: Site) -> None:
    most = forms.OPEN_TOGETHER_BYTES // forms.LARGEST_OPEN_FORM
    slow = [Sender(text(forms.LARGEST_OPEN_FORM), ends=False) for _ in range(most)]
    asking = [asyncio.create_task(one.ask(site, "/enter")) for one in slow]
    for one in slow:
        await one.waits.wait()
    assert (await Sender(text(9), b"x").ask(site, "/enter"))[0] == 503
    assert (await Sender(text(9), b"x").ask(site))[0] == 200
    for one in slow:
        one.goes_on.set()
    await asyncio.gather(*asking)


async def test_whoever_went_away_is_no_fault(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    await Sender(b"text=", ends=False, leaves=True).ask(site)
    assert not caplog.records
