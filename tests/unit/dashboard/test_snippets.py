"""Snippets of the pages are those of the documents, which are run with the SDKs themselves."""

import re

import pytest

from gainstage.dashboard.snippets import KEYS, kept, snippets_for
from tests.world import ROOT


@pytest.mark.parametrize("one", kept(), ids=lambda one: str(one["title"]))
def test_a_snippet_is_a_code_block_of_its_document(one: dict[str, str | list[str]]) -> None:
    text = (ROOT / "docs" / "sources" / f"{one['document']}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)
    assert all(part in blocks for part in one["parts"])


@pytest.mark.parametrize("kind", list(KEYS))
def test_a_filled_snippet_has_the_address_and_the_key_and_nothing_that_stands_for_them(kind: str) -> None:
    found = snippets_for(kind, "https://events.example/gainstage", "the-write-key")
    assert found
    for one in found:
        assert "the-write-key" in one["code"] and "events.example/gainstage" in one["code"]
        assert not re.search(r"_WRITE_KEY|127\.0\.0\.1|acme", one["code"].replace("ada@example.com", ""))
