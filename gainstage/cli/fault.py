"""Where the details of a fault of ours go: a file that only its user can read, without values of settings."""

import os
import tempfile
import traceback
from pathlib import Path


def record(error: BaseException) -> Path:
    """Write what happened to a file of its own; the file."""
    handle, name = tempfile.mkstemp(prefix="gainstage-fault-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        seen: BaseException | None = error
        while seen is not None:
            file.write("".join(traceback.format_tb(seen.__traceback__)))
            file.write(f"{type(seen).__module__}.{type(seen).__qualname__}: {_said(seen)}\n\n")
            seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return Path(name)


def _said(error: BaseException) -> str:
    """What an exception says; pydantic's are told without the values they are about."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return str(error.errors(include_input=False, include_url=False, include_context=False))
    return str(error)
