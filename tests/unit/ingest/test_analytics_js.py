"""The snippet's script, where an operator has pointed at it."""

import gzip
from pathlib import Path

import pytest

from gainstage.errors import UsageError
from gainstage.ingest import Front
from tests.unit.ingest.requests import Asked

pytestmark = pytest.mark.anyio

PATH = "/analytics.js/v1/web-key/analytics.min.js"
SCRIPT = b"console.log('analytics')" * 50


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    (tmp_path / "standalone.js").write_bytes(SCRIPT)
    (tmp_path / "queryString.bundle.34b1.js").write_bytes(b"part")
    (tmp_path / "secret.js").write_bytes(b"secret")
    return Asked(front=Front.of((), None, tmp_path / "standalone.js"))


async def test_is_a_clear_404_by_default() -> None:
    for path in (PATH, "/analytics-next/bundles/queryString.bundle.34b1.js"):
        answer = await Asked().ask(path, method="GET", headers={})
        assert (answer.status, answer.code) == (404, "analytics_js_not_configured")
        assert "--analytics-js" in answer.json["message"]


async def test_is_the_file_for_every_key(asked: Asked) -> None:
    for path in (PATH, "/analytics.js/v1/other/analytics.min.js"):
        answer = await asked.ask(path, method="GET", headers={})
        assert (answer.status, answer.body) == (200, SCRIPT)
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_travels_compressed_and_only_once(asked: Asked) -> None:
    packed = await asked.ask(PATH, method="GET", headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == SCRIPT
    again = await asked.ask(PATH, method="GET", headers={"If-None-Match": packed.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


async def test_finds_the_parts_that_it_loads_and_nothing_else(asked: Asked) -> None:
    part = await asked.ask("/analytics-next/bundles/queryString.bundle.34b1.js", method="GET", headers={})
    assert (part.status, part.body) == (200, b"part")
    for name in ("secret.js", "../standalone.js", "standalone.js", "none.bundle.1.js", "a/b"):
        answer = await asked.ask(f"/analytics-next/bundles/{name}", method="GET", headers={})
        assert (answer.status, answer.code) == (404, "not_found"), name


@pytest.mark.parametrize("name", ["nothing.js", "."])
def test_a_file_that_cannot_be_read_is_one_clear_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--analytics-js takes the file"):
        Front.of((), None, tmp_path / name)
