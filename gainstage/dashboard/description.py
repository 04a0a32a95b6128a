"""The OpenAPI description of everything that is served, as it is kept beside this module, in parts."""

import json
from functools import cache
from importlib import resources
from typing import Any, cast

import yaml

from gainstage import __version__

PATH = "/api/openapi.json"
PARTS = ("management.yaml", "accounts.yaml", "connections.yaml", "figures.yaml")


@cache
def document() -> dict[str, Any]:
    """The description. Shared between callers: not to be changed."""
    found = _read("openapi.yaml")
    found["info"]["version"] = __version__
    for part in map(_read, PARTS):
        found["tags"] += part.get("tags", [])
        for path, item in part["paths"].items():
            found["paths"][path] = {**found["paths"].get(path, {}), **item}
        for kind, parts in part["components"].items():
            found["components"].setdefault(kind, {}).update(parts)
    return found


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return cast(dict[str, Any], yaml.safe_load(text))


@cache
def encoded() -> bytes:
    """As it is served."""
    return json.dumps(document(), ensure_ascii=False).encode()
