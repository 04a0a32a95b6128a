"""The composition root: the only room that knows every part. What the command line calls.

Each name is loaded when it is first asked for, so that a command pays only for what it needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gainstage.app.checking import CheckResult, check
    from gainstage.app.configuring import apply, export
    from gainstage.app.fields import Unreadable, forget_fields, kept_fields, read_fields, upload_fields
    from gainstage.app.previewing import preview
    from gainstage.app.reports import Reports, open_store
    from gainstage.app.sending import Progress, send
    from gainstage.app.serving import Front, serve

__all__ = [
    "CheckResult",
    "Front",
    "Progress",
    "Reports",
    "Unreadable",
    "apply",
    "check",
    "export",
    "forget_fields",
    "kept_fields",
    "open_store",
    "preview",
    "read_fields",
    "send",
    "serve",
    "upload_fields",
]

_ROOMS = {
    "CheckResult": "checking",
    "Front": "serving",
    "Progress": "sending",
    "Reports": "reports",
    "Unreadable": "fields",
    "apply": "configuring",
    "check": "checking",
    "export": "configuring",
    "forget_fields": "fields",
    "kept_fields": "fields",
    "open_store": "reports",
    "preview": "previewing",
    "read_fields": "fields",
    "send": "sending",
    "serve": "serving",
    "upload_fields": "fields",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(name)
    return getattr(import_module(f"gainstage.app.{_ROOMS[name]}"), name)
