"""The OpenAPI description of everything that is served, as it is kept beside this module, in two files."""

import json
from functools import cache
from importlib import resources
from typing import Any, cast

import yaml

from gainstage import __version__

PATH = "/api/openapi.json"


@cache
def document() -> dict[str, Any]:
    """The description. Shared between callers: not to be changed."""
    found, management = _read("openapi.yaml"), _read("management.yaml")
    found["info"]["version"] = __version__
    found["tags"] += management["tags"]
    found["paths"] |= management["paths"]
    for kind, parts in management["components"].items():
        found["components"][kind] |= parts
    return found


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return cast(dict[str, Any], yaml.safe_load(text))


@cache
def encoded() -> bytes:
    """As it is served."""
    return json.dumps(document(), ensure_ascii=False).encode()
