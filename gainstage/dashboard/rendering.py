"""Templates to pages: Jinja2, what every template may use, and the headers that every page has."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from gainstage import app
from gainstage.computed import source_shown
from gainstage.dashboard import charts
from gainstage.dashboard.actions import action_title
from gainstage.dashboard.changed import changed_lines
from gainstage.reason import REASONS

FOLDER = Path(__file__).parent / "templates"

#: No script, style or picture but our own, no frame around a page, and forms that lead nowhere else.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Accept, Cookie",
}


def environment() -> Environment:
    """Where templates are found, and their filters."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": number,
        "moment": moment,
        "moments": moments,
        "since": since,
        "duration": duration,
        "pretty": pretty,
        "bytes": size,
        "reason_title": reason_title,
        "ticks": ticks,
        "setting_title": setting_title,
        "breaks": breaks,
        "source_shown": source_shown,
        "share": share,
        "action_title": action_title,
        "changed_lines": changed_lines,
    }
    made.tests["corrected"] = lambda note: str(note).startswith("Corrected by hand ")
    made.globals |= {"stacked_bars": charts.stacked_bars, "lines": charts.lines, "Series": charts.Series}
    return made


def number(value: float | None) -> str:
    """With a comma between thousands; a dash for nothing."""
    if value is None:
        return "–"  # noqa: RUF001 - a dash
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _parsed(value: str | datetime) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(re.sub(r"Z$", "+00:00", value))
    except ValueError:
        return None


def moment(value: str | datetime | None) -> str:
    """An instant as `2026-11-22 14:03:07 UTC`."""
    if value is None:
        return "–"  # noqa: RUF001 - a dash
    at = _parsed(value)
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at is not None else str(value)


def moments(text: str) -> str:
    """A text in which every instant is written as `moment` writes it."""
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", lambda found: moment(found[0]), text)


def since(value: str | datetime | None, now: datetime | None = None) -> str:
    """How long ago an instant was, or how far away it is, in words."""
    at = _parsed(value) if value is not None else None
    if at is None:
        return "–"  # noqa: RUF001 - a dash
    seconds = ((now or datetime.now(UTC)) - at.astimezone(UTC)) / timedelta(seconds=1)
    if abs(seconds) < 1:
        return "now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units that say something."""
    if seconds is None:
        return "–"  # noqa: RUF001 - a dash
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    rest, parts = round(seconds), list[str]()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def pretty(value: Any) -> str:
    """JSON for people to read; a text that is none stays as it is."""
    if isinstance(value, str):
        return value
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def size(value: float | None) -> str:
    """Bytes in the unit that fits."""
    if value is None:
        return "–"  # noqa: RUF001 - a dash
    amount = float(value)
    for unit in ("bytes", "KB", "MB", "GB"):
        if abs(amount) < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def reason_title(code: str) -> str:
    """What a reason is called; the code itself where it is none of ours."""
    reason = REASONS.get(code)
    return reason.title if reason is not None else code


def ticks(text: str) -> Markup:
    """A text with what stands between backticks as code, a setting of a destination by its title."""
    return Markup(re.sub(r"`([^`]+)`", _shown, str(escape(text))))


def _shown(found: re.Match[str]) -> str:
    title = _titles().get(found[1])
    return f"<code>{found[1]}</code>" if title is None else f"<strong>{escape(title)}</strong>"


def setting_title(name: str) -> str:
    """What a setting of a destination is called, or the one in which it stands; the name where it is none."""
    return _titles().get(re.split(r"[.\[]", name)[0], name)


@cache
def _titles() -> dict[str, str]:
    return app.setting_titles()


def breaks(text: object) -> Markup:
    """An e-mail, an id or a name that goes on in another line behind its signs rather than within a word."""
    return Markup(re.sub(r"([@._/:+-])(?=\w)", r"\1<wbr>", str(escape(text))))


def share(part: float) -> str:
    """Part of a whole in percent, where some of it is never none of it."""
    return "under 1%" if 0 < part < 0.005 else f"{100 * part:.0f}%"


def told_texts(value: str | None) -> list[Mapping[str, str]]:
    """What the page before had to tell, as it stands in its cookie."""
    if not value:
        return []
    try:
        texts = msgspec.json.decode(bytes.fromhex(value), type=list[dict[str, str]])
    except (ValueError, msgspec.MsgspecError):
        return []
    return [text for text in texts if text.keys() == {"kind", "text"}]
