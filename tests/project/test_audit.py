"""The audit of dependencies finds what is known of the locked versions, and says when it could not ask."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.audit import FOUND, LOCK, UNKNOWN, audit, pins

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


def test_a_database_that_cannot_be_asked_is_no_clean_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")  # else it asks again and again, later and later
    assert audit(REQUIREMENTS, "http://127.0.0.1:9")[0] == UNKNOWN
