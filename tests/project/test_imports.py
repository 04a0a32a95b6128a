"""Imports point one way. The table below is the architecture: a change here is a decision, not a repair."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.sources import ROOT, modules, parse, shown

VOCABULARY = {
    "errors", "event", "operation", "outcome", "reason", "clock", "mapping", "schema", "destination",
    "connection", "operating", "meter", "tracing",
}  # fmt: skip

# What a room (gainstage/<room>.py or gainstage/<room>/) may import of ours, beside itself.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "event": set(),
    "outcome": set(),
    "reason": set(),
    "clock": set(),
    "operating": set(),
    "meter": set(),
    "tracing": set(),
    "body": set(),
    "setting": set(),
    "pseudonym": {"event"},
    "schema": set(),
    "accounts": {"errors", "clock"},
    "operation": {"event"},
    "mapping": {"event", "operation"},
    "computed": {"event"},
    "destination": {"computed", "event", "operation", "outcome", "mapping", "schema"},
    "connection": {"audiences", "computed", "event", "outcome", "destination", "operating"},
    "audiences": set(),
    "alerts": {"clock", "destination", "operating", "reason", "store"},
    "sqlite": {"errors"},
    "write_ahead": {"sqlite"},
    "log": {"errors", "event", "clock", "sqlite", "meter"},
    "store": {
        "errors",
        "event",
        "operation",
        "outcome",
        "reason",
        "schema",
        "destination",
        "connection",
        "clock",
        "sqlite",
    },
    "normalise": {"event", "clock", "log"},
    "destinations": {
        "setting",
        "event",
        "computed",
        "operation",
        "outcome",
        "mapping",
        "schema",
        "destination",
    },
    "computing": {
        "audiences",
        "clock",
        "computed",
        "event",
        "history",
        "log",
        "normalise",
        "pseudonym",
        "sqlite",
        "store",
    },
    "figures": {"clock", "meter", "reason", "sqlite", "store"},
    "history": {"errors", "event", "clock", "sqlite", "log", "normalise", "operating", "pseudonym", "store"},
    "configuration": {
        "audiences",
        "errors",
        "setting",
        "event",
        "outcome",
        "destination",
        "destinations",
        "connection",
        "operating",
    },
    "ingest": {
        "body",
        "errors",
        "event",
        "connection",
        "log",
        "store",
        "clock",
        "normalise",
        "operating",
        "meter",
        "tracing",
    },
    "delivery": VOCABULARY | {"computed", "log", "pseudonym", "store", "normalise"},
    "reference": {
        "audiences",
        "configuration",
        "outcome",
        "reason",
        "mapping",
        "destination",
        "destinations",
        "setting",
    },
    "dashboard": VOCABULARY
    | {"accounts", "audiences", "body", "computed", "log", "store", "configuration", "app"},
    "management": {"errors", "accounts", "clock", "configuration", "ingest", "log", "sqlite", "app"},
    "demo": {"accounts", "computed", "errors", "outcome", "reason", "configuration", "app"},
    "cli": VOCABULARY | {"computed", "log", "store", "configuration", "app", "demo"},
    "__main__": {"cli"},
    "__init__": set(),
}
# The composition root knows every part; the test kit may use every part.
MAY_IMPORT["app"] = set(MAY_IMPORT) - {"cli", "demo", "__main__"}
MAY_IMPORT["testing"] = set(MAY_IMPORT)

# The stand-in for the vendor shares no code with us: it would share our mistakes. Only commands start it.
MAY_START_THE_SANDBOX = {"cli", "demo"}

# Other people's modules that only some rooms may use (docs/decisions/0003): one way to open a database.
# Definitions of audiences become queries in one room (0041).
ONLY_IN = {"apsw": {"sqlite", "log", "store"}, "sqlite3": set(), "sqlglot": {"audiences"}}

# Rooms that compute and never wait, and the modules with which they could.
WITHOUT_IO = {
    "errors",
    "event",
    "computed",
    "operation",
    "outcome",
    "mapping",
    "schema",
    "destination",
    "connection",
    "setting",
    "destinations",
    "operating",
    "meter",
    "tracing",
}
IO = {
    "aiohttp", "anyio", "apsw", "asyncio", "http.client", "httpx", "httpx2", "requests", "socket", "sqlite3",
    "ssl", "subprocess", "threading", "time", "urllib.request", "urllib3",
}  # fmt: skip


@pytest.mark.parametrize("path", modules(), ids=shown)
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    package, *rest = path.relative_to(ROOT).with_suffix("").parts
    room = rest[0]
    assert package == "gainstage_sandbox" or room in MAY_IMPORT, f"'{room}' has no row in MAY_IMPORT"
    wrong = [
        f"{shown(path)}:{line} imports {name}: {reason}"
        for line, name in imports(path)
        if (reason := objection(package, room, rest, name))
    ]
    assert not wrong, "\n".join(wrong)


def objection(package: str, room: str, rest: list[str], name: str) -> str | None:
    """Why this import is refused, or None."""
    top, _, inner = name.partition(".")
    if package == "gainstage_sandbox":
        return "the sandbox shares no code with gainstage" if top == "gainstage" else None
    if top == "gainstage_sandbox" and room not in MAY_START_THE_SANDBOX:
        return f"only {' and '.join(sorted(MAY_START_THE_SANDBOX))} start the sandbox"
    if top == "gainstage" and inner:
        return objection_to_room(room, rest, inner.split("."))
    if room not in ONLY_IN.get(top, {room}):
        return f"'{top}' may be used in: {', '.join(sorted(ONLY_IN[top])) or 'no room'}"
    if room in WITHOUT_IO and (any(f"{name}.".startswith(f"{io}.") for io in IO)):
        return f"'{room}' does no I/O and never waits"
    return None


def objection_to_room(room: str, rest: list[str], target: list[str]) -> str | None:
    if target[0] != room:
        return None if target[0] in MAY_IMPORT[room] else f"'{room}' may not know '{target[0]}'"
    if room == "destinations" and is_folder(rest) and target[1:] and target[1] != rest[1]:
        return "a destination knows no other destination"
    return None


def is_folder(rest: list[str]) -> bool:
    """Whether a module belongs to one destination, and not to their list."""
    return len(rest) > 2


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything that a module imports, wherever in it and also by name."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(parse(path)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                start = [*package[: len(package) - level + 1]] if level else []
                origin = ".".join([*start, *([module] if module else [])])
                yield from (
                    (node.lineno, f"{origin}.{a.name}") for a in names if may_be_module(origin, a.name)
                )
                yield node.lineno, origin
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module")
            ):
                yield from ((node.lineno, a.value) for a in node.args[:1] if isinstance(a, ast.Constant))


def may_be_module(origin: str, name: str) -> bool:
    """Whether `from origin import name` may bring in a module, and not something inside one."""
    if not origin.startswith("gainstage"):
        return True
    folder = ROOT.joinpath(*origin.split("."))
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def test_the_table_describes_rooms_without_circles() -> None:
    seen: set[str] = set()
    rooms = {room: allowed - {"testing", "app"} for room, allowed in MAY_IMPORT.items() if room != "testing"}
    while ready := [room for room, allowed in rooms.items() if room not in seen and allowed <= seen]:
        seen.update(ready)
    assert seen == set(rooms), f"a circle between {sorted(set(rooms) - seen)}"
