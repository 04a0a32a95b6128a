"""The audit of dependencies finds what is known of the locked versions, and says when it could not ask."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests import audit as audits
from tests.audit import FOUND, LOCK, OTHER_LOCKS, UNKNOWN, Package, ask, audit, packages, pins, worst
from tests.project.sources import tracked_files

REQUIREMENTS = ["markupsafe==3.0.3 ; python_version >= '3.11'"]
ADVISORY = {
    "id": "GHSA-0000-0000-0000", "summary": "It can be broken.", "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "affected": [{
        "package": {"name": "markupsafe", "ecosystem": "PyPI"}, "versions": ["3.0.3"],
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.0.0"}]}],
    }],
}  # fmt: skip


@contextmanager
def database(*advisories: dict[str, Any]) -> Iterator[str]:
    """A database of vulnerabilities that knows these of everything that it is asked about."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            known = [{"id": one["id"], "modified": one["modified"]} for one in advisories]
            self._say({"results": [{"vulns": known} if known else {} for _ in asked["queries"]]})

        def do_GET(self) -> None:
            self._say(next(one for one in advisories if self.path.endswith(one["id"])))

        def _say(self, said: object) -> None:
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_every_locked_version_is_asked_about_with_its_marker() -> None:
    found = pins(LOCK.read_text(encoding="utf-8"))
    assert len(found) == LOCK.read_text(encoding="utf-8").count("==") - sum(
        pin.count("==") - 1 for pin in found
    )
    assert any(pin.startswith("cryptography==") and "python_full_version" in pin for pin in found)
    assert not any("--hash" in pin for pin in found)


@pytest.mark.parametrize(("advisories", "code"), [((), 0), ((ADVISORY,), FOUND)])
def test_a_known_vulnerability_is_found(advisories: tuple[dict[str, Any], ...], code: int) -> None:
    with database(*advisories) as address:
        ended, told = audit(REQUIREMENTS, address)
    assert ended == code, told
    assert ("GHSA-0000-0000-0000" in told) is bool(advisories)


def test_every_lock_in_the_tree_is_asked_about() -> None:
    locks = {path for path in tracked_files() if path.suffix == ".lock" or path.name.endswith("-lock.json")}
    assert locks == {LOCK, *OTHER_LOCKS}


@pytest.mark.parametrize("path", OTHER_LOCKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_version_of_a_lock_is_asked_about(path: Path) -> None:
    held = packages(path, OTHER_LOCKS[path])
    assert held and all(one.version[0].isdigit() for one in held)
    if OTHER_LOCKS[path] == "PyPI":
        assert len(held) == path.read_text(encoding="utf-8").count("==")
        return
    wanted = json.loads(path.with_name("package.json").read_text(encoding="utf-8"))["dependencies"]
    names = {one.name for one in held}
    assert set(wanted) < names and not any("node_modules" in name for name in names)


SPARK = Package("PyPI", "pyspark", "4.0.0")
NPM = Package("npm", "@of/package", "1.0.0")


def test_what_is_known_of_other_locks_is_found_with_the_package_it_is_about() -> None:
    with database() as address:
        assert ask([SPARK, NPM], address) == (0, "")
    with database(ADVISORY) as address:
        code, told = ask([SPARK, NPM], address)
    assert code == FOUND
    assert told.splitlines() == [
        "pyspark 4.0.0 (PyPI): GHSA-0000-0000-0000",
        "@of/package 1.0.0 (npm): GHSA-0000-0000-0000",
    ]


def test_what_does_not_concern_us_is_named_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(audits.ACCEPTED.values())
    monkeypatch.setattr(audits, "ACCEPTED", {"GHSA-0000-0000-0000": "Never called."})
    with database(ADVISORY) as address:
        assert ask([SPARK], address)[0] == 0
        assert audit(REQUIREMENTS, address)[0] == 0


def test_each_lock_larger_than_a_question_is_asked_about_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "AT_ONCE", 2)
    with database(ADVISORY) as address:
        assert len(ask([NPM] * 5, address)[1].splitlines()) == 5


@pytest.mark.parametrize(
    ("codes", "code"), [([0, 0], 0), ([0, UNKNOWN], UNKNOWN), ([UNKNOWN, FOUND, 0], FOUND)]
)
def test_what_was_found_counts_though_something_else_could_not_be_asked(codes: list[int], code: int) -> None:
    assert worst(codes) == code


def test_a_database_that_cannot_be_asked_is_no_clean_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")  # else it asks again and again, later and later
    assert audit(REQUIREMENTS, "http://127.0.0.1:9")[0] == UNKNOWN
    assert ask([NPM], "http://127.0.0.1:9")[0] == UNKNOWN


@pytest.mark.parametrize("body", [b"", b"{}", b'{"results": []}', b'{"results": [5]}', b"[]"])
def test_an_answer_that_makes_no_sense_is_no_clean_bill(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: BytesIO(body))
    assert ask([NPM], "http://database")[0] == UNKNOWN
