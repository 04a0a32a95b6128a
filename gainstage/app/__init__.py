"""The composition root: the only room that knows every part. What the command line calls.

Each name is loaded when it is first asked for, so that a command pays only for what it needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gainstage.app.checking import CheckResult, check
    from gainstage.app.configuring import apply, export
    from gainstage.app.previewing import preview
    from gainstage.app.reports import Reports, open_store
    from gainstage.app.sending import Progress, send
    from gainstage.app.serving import Front, serve

__all__ = [
    "CheckResult",
    "Front",
    "Progress",
    "Reports",
    "apply",
    "check",
    "export",
    "open_store",
    "preview",
    "send",
    "serve",
]

_ROOMS = {
    "CheckResult": "checking",
    "Front": "serving",
    "Progress": "sending",
    "Reports": "reports",
    "apply": "configuring",
    "check": "checking",
    "export": "configuring",
    "open_store": "reports",
    "preview": "previewing",
    "send": "sending",
    "serve": "serving",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(name)
    return getattr(import_module(f"gainstage.app.{_ROOMS[name]}"), name)
