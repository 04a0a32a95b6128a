"""The composition root: the only room that knows every part. What the command line calls.

Each name is loaded when it is first asked for, so that a command pays only for what it needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gainstage.accounts import Passwords
    from gainstage.app.admitting import add_user, change_user, is_set_up, is_user, remove_user, users
    from gainstage.app.arranging import change_section, reset_section, sections
    from gainstage.app.attending import attention
    from gainstage.app.auditing import (
        DONE,
        FAILED,
        REFUSED,
        Note,
        audit,
        audited,
        begin_action,
        changes_of,
        end_action,
        refuse_guarded,
        without_people,
    )
    from gainstage.app.browsing import browse
    from gainstage.app.browsing_filters import Asked
    from gainstage.app.budgeting import budget_use
    from gainstage.app.cataloguing import catalog, destination_type, setting_titles
    from gainstage.app.checking import CheckResult, check, summary
    from gainstage.app.comparing import preview_change
    from gainstage.app.configuring import apply, export, export_parts
    from gainstage.app.connecting import add_destination, change_destination, destination, remove_destination
    from gainstage.app.counting import Period, figures
    from gainstage.app.defining import define, pause_audience, remove_audience
    from gainstage.app.describing import about
    from gainstage.app.editing import Change
    from gainstage.app.entering import (
        Begun,
        Credentials,
        Device,
        change_password,
        end_session,
        end_sessions,
        log_in,
        note_use,
        sessions,
    )
    from gainstage.app.estimating import preview_audience
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
    from gainstage.app.issuing import add_token, lasting, remove_token, tokens
    from gainstage.app.listing import destinations
    from gainstage.app.naming import forget_names, names
    from gainstage.app.noticing import traits
    from gainstage.app.previewing import preview
    from gainstage.app.receiving import (
        add_source,
        change_source,
        remove_key,
        remove_source,
        rotate_key,
        source,
        sources,
    )
    from gainstage.app.reports import Reports, open_store
    from gainstage.app.sending import Progress, send
    from gainstage.app.serving import Front, read_token, serve
    from gainstage.app.spreadsheet import counted_lines, csv_lines
    from gainstage.app.surveying import audience, audience_history, audiences
    from gainstage.app.trying import send_event, try_event
    from gainstage.app.wishing import compute_now, wish

__all__ = [
    "DONE",
    "FAILED",
    "REFUSED",
    "Asked",
    "Begun",
    "Change",
    "CheckResult",
    "Credentials",
    "Device",
    "Front",
    "Note",
    "Passwords",
    "Period",
    "Progress",
    "Reports",
    "Unreadable",
    "about",
    "add_destination",
    "add_source",
    "add_token",
    "add_user",
    "apply",
    "attention",
    "audience",
    "audience_history",
    "audiences",
    "audit",
    "audited",
    "begin_action",
    "browse",
    "budget_use",
    "catalog",
    "change_destination",
    "change_password",
    "change_section",
    "change_source",
    "change_user",
    "changes_of",
    "check",
    "compute_now",
    "counted_lines",
    "csv_lines",
    "define",
    "destination",
    "destination_type",
    "destinations",
    "end_action",
    "end_session",
    "end_sessions",
    "export",
    "export_parts",
    "figures",
    "filters",
    "forget",
    "forget_fields",
    "forget_names",
    "is_set_up",
    "is_user",
    "kept_fields",
    "lasting",
    "lift",
    "log_in",
    "names",
    "note_use",
    "open_store",
    "operator",
    "pause_audience",
    "preview",
    "preview_audience",
    "preview_change",
    "read_fields",
    "read_token",
    "receipt",
    "receipts",
    "refuse_guarded",
    "remove_audience",
    "remove_destination",
    "remove_key",
    "remove_source",
    "remove_token",
    "remove_user",
    "reset_section",
    "rotate_key",
    "sections",
    "send",
    "send_event",
    "serve",
    "sessions",
    "setting_titles",
    "source",
    "sources",
    "summary",
    "take_fields",
    "tokens",
    "traits",
    "try_event",
    "upload_fields",
    "users",
    "wish",
    "without_people",
    "would_forget",
]

_ROOMS = {
    "sections": "arranging",
    "change_section": "arranging",
    "reset_section": "arranging",
    "catalog": "cataloguing",
    "destination_type": "cataloguing",
    "traits": "noticing",
    "destination": "connecting",
    "add_destination": "connecting",
    "change_destination": "connecting",
    "remove_destination": "connecting",
    "preview_change": "comparing",
    "sources": "receiving",
    "source": "receiving",
    "add_source": "receiving",
    "change_source": "receiving",
    "remove_source": "receiving",
    "rotate_key": "receiving",
    "remove_key": "receiving",
    "changes_of": "auditing",
    "Asked": "browsing_filters",
    "Period": "counting",
    "about": "describing",
    "attention": "attending",
    "budget_use": "budgeting",
    "figures": "counting",
    "Begun": "entering",
    "Change": "editing",
    "CheckResult": "checking",
    "Credentials": "entering",
    "DONE": "auditing",
    "Device": "entering",
    "FAILED": "auditing",
    "Front": "serving",
    "Note": "auditing",
    "Progress": "sending",
    "REFUSED": "auditing",
    "Reports": "reports",
    "Unreadable": "fields",
    "add_token": "issuing",
    "add_user": "admitting",
    "apply": "configuring",
    "audit": "auditing",
    "audited": "auditing",
    "begin_action": "auditing",
    "browse": "browsing",
    "change_password": "entering",
    "change_user": "admitting",
    "audience": "surveying",
    "audience_history": "surveying",
    "audiences": "surveying",
    "check": "checking",
    "compute_now": "wishing",
    "counted_lines": "spreadsheet",
    "csv_lines": "spreadsheet",
    "define": "defining",
    "destinations": "listing",
    "end_action": "auditing",
    "end_session": "entering",
    "end_sessions": "entering",
    "export": "configuring",
    "export_parts": "configuring",
    "filters": "filtering",
    "forget": "forgetting",
    "forget_fields": "fields",
    "forget_names": "naming",
    "is_set_up": "admitting",
    "is_user": "admitting",
    "kept_fields": "fields",
    "lift": "forgetting",
    "log_in": "entering",
    "names": "naming",
    "note_use": "entering",
    "open_store": "reports",
    "pause_audience": "defining",
    "preview": "previewing",
    "preview_audience": "estimating",
    "read_fields": "fields",
    "read_token": "serving",
    "receipt": "forgetting",
    "receipts": "forgetting",
    "remove_token": "issuing",
    "remove_user": "admitting",
    "remove_audience": "defining",
    "send": "sending",
    "send_event": "trying",
    "setting_titles": "cataloguing",
    "serve": "serving",
    "sessions": "entering",
    "summary": "checking",
    "take_fields": "fields",
    "tokens": "issuing",
    "try_event": "trying",
    "upload_fields": "fields",
    "users": "admitting",
    "refuse_guarded": "auditing",
    "without_people": "auditing",
    "operator": "auditing",
    "lasting": "issuing",
    "Passwords": "admitting",
    "wish": "wishing",
    "would_forget": "forgetting",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(name)
    return getattr(import_module(f"gainstage.app.{_ROOMS[name]}"), name)
