"""The composition root: the only room that knows every part. What the command line calls.

Each name is loaded when it is first asked for, so that a command pays only for what it needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gainstage.app.checking import CheckResult, check, summary
    from gainstage.app.configuring import apply, export, export_parts
    from gainstage.app.editing import Change
    from gainstage.app.fields import (
        Unreadable,
        forget_fields,
        kept_fields,
        read_fields,
        take_fields,
        upload_fields,
    )
    from gainstage.app.filtering import filters
    from gainstage.app.forgetting import forget, lift, receipt, receipts, would_forget
    from gainstage.app.listing import destinations
    from gainstage.app.naming import forget_names, names
    from gainstage.app.previewing import preview
    from gainstage.app.reports import Reports, open_store
    from gainstage.app.sending import Progress, send
    from gainstage.app.serving import Front, read_token, serve
    from gainstage.app.spreadsheet import csv_lines

__all__ = [
    "Change",
    "CheckResult",
    "Front",
    "Progress",
    "Reports",
    "Unreadable",
    "apply",
    "check",
    "csv_lines",
    "destinations",
    "export",
    "export_parts",
    "filters",
    "forget",
    "forget_fields",
    "forget_names",
    "kept_fields",
    "lift",
    "names",
    "open_store",
    "preview",
    "read_fields",
    "read_token",
    "receipt",
    "receipts",
    "send",
    "serve",
    "summary",
    "take_fields",
    "upload_fields",
    "would_forget",
]

_ROOMS = {
    "Change": "editing",
    "CheckResult": "checking",
    "Front": "serving",
    "Progress": "sending",
    "Reports": "reports",
    "Unreadable": "fields",
    "apply": "configuring",
    "check": "checking",
    "csv_lines": "spreadsheet",
    "destinations": "listing",
    "export": "configuring",
    "export_parts": "configuring",
    "filters": "filtering",
    "forget": "forgetting",
    "forget_fields": "fields",
    "forget_names": "naming",
    "kept_fields": "fields",
    "lift": "forgetting",
    "names": "naming",
    "open_store": "reports",
    "preview": "previewing",
    "read_fields": "fields",
    "read_token": "serving",
    "receipt": "forgetting",
    "receipts": "forgetting",
    "send": "sending",
    "serve": "serving",
    "summary": "checking",
    "take_fields": "fields",
    "upload_fields": "fields",
    "would_forget": "forgetting",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(name)
    return getattr(import_module(f"gainstage.app.{_ROOMS[name]}"), name)
