"""The page for people at /__sandbox__/: counts, what arrived, the last requests, active faults."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from gainstage_sandbox.journal import Entry
from gainstage_sandbox.state import State

HERE = Path(__file__).parent
ROWS = 25
"""How many rows a table shows, newest first."""
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def page_routes(state: State) -> list[Route]:
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (HERE / "static" / "sandbox.css").read_bytes()
    template = templates.get_template("sandbox.html")

    async def show(_: Request) -> Response:
        return HTMLResponse(template.render(_view(state)), headers={"Content-Security-Policy": POLICY})

    async def show_style(_: Request) -> Response:
        return Response(style, media_type="text/css", headers={"Cache-Control": "max-age=60"})

    async def redirect(_: Request) -> Response:
        return RedirectResponse("/__sandbox__/", 307)

    return [
        Route("/", redirect),
        Route("/__sandbox__", redirect),
        Route("/__sandbox__/", show),
        Route("/__sandbox__/sandbox.css", show_style),
    ]


def _view(state: State) -> dict[str, Any]:
    held = state.snapshot()
    cs, px = held["cs"], held["px"]
    companies_of: dict[str, list[str]] = {}
    for link in cs["associations"]:
        name = str(link.get("Company_Name") or link.get("Company_ID"))
        companies_of.setdefault(str(link.get("Person_ID")), []).append(name)
    people = [{**p, "Companies": ", ".join(companies_of.get(p["Gsid"], []))} for p in cs["people"][-ROWS:]]
    sections = [
        _section("People", "cs", len(cs["people"]), people, "Email Name Companies"),
        _section("Companies", "cs", len(cs["companies"]), cs["companies"], "Name Industry Status"),
        _section("CS events", "cs", len(cs["events"]), cs["events"], "eventName eventVersion topicName"),
        *(_section(name, "cs", len(rows), rows, "Name") for name, rows in cs["objects"].items()),
        _section("Users", "px", len(px["users"]), px["users"], "identifyId email accountId"),
        _section("Accounts", "px", len(px["accounts"]), px["accounts"], "id name plan"),
        _section("PX events", "px", len(px["events"]), px["events"], "eventName identifyId userType"),
        _section(
            "Messages", "clickstream", len(state.messages), state.messages, "type userId event messageId"
        ),
    ]
    return {
        "sections": sections,
        "requests": [_request(entry) for entry in state.journal.latest(ROWS)],
        "total": state.journal.total,
        "faults": state.faults.describe(),
        "changed": [
            s for s in state.behaviour.describe() if s["value"] != s["default"] and "key" not in s["name"]
        ],
        "rows": ROWS,
    }


def _section(title: str, api: str, count: int, rows: list[dict[str, Any]], columns: str) -> dict[str, Any]:
    names = columns.split()
    shown = [
        {"cells": [_cell(row.get(name)) for name in names], "all": _pretty(row)}
        for row in rows[: -ROWS - 1 : -1]
    ]
    return {
        "title": title,
        "api": api,
        "count": count,
        "columns": names,
        "rows": shown,
        "id": title.replace(" ", "-").lower(),
    }


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _request(entry: Entry) -> dict[str, Any]:
    shown = entry.view()
    status = entry.status
    shown["time"] = datetime.fromtimestamp(entry.at, UTC).strftime("%H:%M:%S")
    shown["good"] = status is not None and status < 400
    shown["text"] = (
        str(status) if status is not None else (f"cut: {entry.fault}" if entry.fault else "waiting")
    )
    shown["sent"] = _pretty(shown["body"]) if shown["body"] is not None else ""
    shown["answered"] = _pretty(shown["response"]) if shown["response"] is not None else ""
    return shown
