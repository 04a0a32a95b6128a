"""What to write into a page, an app or a server so that its SDK sends here."""

from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import yaml

#: What stands in the snippets for a write key and for this server.
KEYS = {"web": "WEBSITE_WRITE_KEY", "mobile": "APP_WRITE_KEY", "server": "BACKEND_WRITE_KEY"}
ADDRESSES = ("http://127.0.0.1:8080", "https://events.acme.com")
HOST = "events.acme.com"


def snippets_for(kind: str, address: str, key: str | None) -> list[dict[str, Any]]:
    """Title and code of each SDK for a kind of source, with the server's address, and the write key where it
    is known.
    """
    return [
        {
            "title": one["title"],
            "document": one["document"],
            "code": "\n".join(_filled(part, kind, address, key) for part in one["parts"]).strip(),
        }
        for one in kept()
        if one["kind"] == kind
    ]


def _filled(text: str, kind: str, address: str, key: str | None) -> str:
    for known in ADDRESSES:
        text = text.replace(known, address)
    parts = urlsplit(address)
    text = text.replace(HOST, f"{parts.netloc}{parts.path}")
    return text.replace(KEYS[kind], key) if key is not None else text


@cache
def kept() -> list[dict[str, Any]]:
    """Every snippet as it is kept: `kind`, `title`, `document` and `parts`."""
    text = resources.files(__package__).joinpath("snippets.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found
