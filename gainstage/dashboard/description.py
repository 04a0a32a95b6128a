"""The OpenAPI description of everything that is served, as it is kept beside this module."""

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
    text = resources.files(__package__).joinpath("openapi.yaml").read_text(encoding="utf-8")
    found = cast(dict[str, Any], yaml.safe_load(text))
    found["info"]["version"] = __version__
    return found


@cache
def encoded() -> bytes:
    """As it is served."""
    return json.dumps(document(), ensure_ascii=False).encode()
