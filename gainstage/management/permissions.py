"""Which role each path of the management API needs, and what is noted of its use: one table for all of them.

A viewer reads: figures, settings, and what became of events, one by one and in lists of a page, with what
they say of people, since that is needed to see why something did not arrive. A table of all of them is an
editor's to take away. An editor changes destinations and mappings and has things sent again. What cannot be
had back, secrets, and the server as a whole are an admin's.
"""

from typing import NamedTuple

from gainstage.accounts import ADMIN, EDITOR, VIEWER, Role


class Rule(NamedTuple):
    """The least role, None where anybody may ask; the word for what it does, None where none is noted."""

    role: Role | None
    action: str | None = None


ANYBODY = Rule(None)
_ONE = "/api/destinations/{name}"
_SOURCE = "/api/sources/{name}"
_COMPUTED = "/api/audiences/{key}"

#: By path and method; HEAD is as GET.
RULES: dict[str, dict[str, Rule]] = {
    "/api/setup": {"GET": ANYBODY, "POST": ANYBODY},
    "/api/session": {"GET": Rule(VIEWER), "POST": ANYBODY, "DELETE": Rule(VIEWER, "session.end")},
    "/api/session/password": {"PUT": Rule(VIEWER, "user.password")},
    "/api/sessions": {"GET": Rule(VIEWER), "DELETE": Rule(VIEWER, "session.end")},
    "/api/sessions/{id:int}": {"DELETE": Rule(VIEWER, "session.end")},
    "/api/users": {"GET": Rule(ADMIN), "POST": Rule(ADMIN, "user.add")},
    "/api/users/{name}": {"PUT": Rule(ADMIN, "user.change"), "DELETE": Rule(ADMIN, "user.remove")},
    "/api/tokens": {"GET": Rule(ADMIN), "POST": Rule(ADMIN, "token.add")},
    "/api/tokens/{name}": {"DELETE": Rule(ADMIN, "token.remove")},
    "/api/audit": {"GET": Rule(ADMIN)},
    "/api/status": {"GET": Rule(VIEWER)},
    "/api/figures": {"GET": Rule(VIEWER)},
    "/api/budgets": {"GET": Rule(VIEWER)},
    "/api/attention": {"GET": Rule(VIEWER)},
    "/api/about": {"GET": Rule(VIEWER)},
    "/api/server": {"GET": Rule(VIEWER)},
    "/api/server/{section}": {"PUT": Rule(ADMIN, "server.change"), "DELETE": Rule(ADMIN, "server.reset")},
    "/api/sandbox": {
        "GET": Rule(VIEWER),
        "POST": Rule(ADMIN, "sandbox.start"),
        "DELETE": Rule(ADMIN, "sandbox.stop"),
    },
    "/api/events": {"GET": Rule(VIEWER)},
    "/api/events/{message_id:path}": {"GET": Rule(VIEWER)},
    "/api/test": {"POST": Rule(VIEWER)},
    "/api/test/send": {"POST": Rule(EDITOR, "event.send")},
    "/api/names": {"GET": Rule(VIEWER), "DELETE": Rule(EDITOR, "names.forget")},
    "/api/dead": {"GET": Rule(VIEWER)},
    "/api/dead/summary": {"GET": Rule(VIEWER)},
    "/api/dead/retry": {"POST": Rule(EDITOR, "dead.retry")},
    "/api/dead/edit": {"POST": Rule(EDITOR, "dead.edit")},
    "/api/dead/purge": {"POST": Rule(ADMIN, "dead.purge")},
    "/api/dead/export": {"GET": Rule(EDITOR, "dead.export")},
    "/api/forget": {"GET": Rule(ADMIN), "POST": Rule(ADMIN, "person.forget")},
    "/api/forget/find": {"POST": Rule(ADMIN)},
    "/api/forget/{request}": {"GET": Rule(ADMIN)},
    "/api/forget/{request}/lift": {"POST": Rule(ADMIN, "person.lift")},
    "/api/audiences": {"GET": Rule(VIEWER)},
    "/api/audiences/preview": {"POST": Rule(EDITOR)},
    _COMPUTED: {
        "GET": Rule(VIEWER),
        "PUT": Rule(EDITOR, "audience.define"),
        "DELETE": Rule(EDITOR, "audience.remove"),
    },
    f"{_COMPUTED}/run": {"POST": Rule(EDITOR, "audience.run")},
    f"{_COMPUTED}/pause": {"POST": Rule(EDITOR, "audience.pause")},
    f"{_COMPUTED}/resume": {"POST": Rule(EDITOR, "audience.resume")},
    "/api/replays": {"GET": Rule(VIEWER), "POST": Rule(EDITOR, "replay.begin")},
    "/api/replays/dry-run": {"POST": Rule(EDITOR)},
    "/api/replays/{id:int}": {"GET": Rule(VIEWER)},
    "/api/replays/{id:int}/pause": {"POST": Rule(EDITOR, "replay.pause")},
    "/api/replays/{id:int}/resume": {"POST": Rule(EDITOR, "replay.resume")},
    "/api/replays/{id:int}/cancel": {"POST": Rule(EDITOR, "replay.cancel")},
    "/api/check": {"POST": Rule(EDITOR, "check")},
    "/api/catalog": {"GET": Rule(VIEWER)},
    "/api/catalog/{type}": {"GET": Rule(VIEWER)},
    "/api/traits": {"GET": Rule(VIEWER)},
    "/api/sources": {"GET": Rule(VIEWER), "POST": Rule(ADMIN, "source.add")},
    _SOURCE: {
        "GET": Rule(VIEWER),
        "PUT": Rule(ADMIN, "source.change"),
        "DELETE": Rule(ADMIN, "source.remove"),
    },
    f"{_SOURCE}/rotate": {"POST": Rule(ADMIN, "source.rotate")},
    f"{_SOURCE}/keys/{{key}}": {"DELETE": Rule(ADMIN, "source.key.remove")},
    f"{_SOURCE}/history": {"GET": Rule(VIEWER)},
    "/api/destinations": {"GET": Rule(VIEWER), "POST": Rule(ADMIN, "destination.add")},
    _ONE: {
        "GET": Rule(VIEWER),
        "PUT": Rule(EDITOR, "destination.change"),
        "DELETE": Rule(EDITOR, "destination.remove"),
    },
    f"{_ONE}/preview-change": {"POST": Rule(EDITOR)},
    f"{_ONE}/history": {"GET": Rule(VIEWER)},
    f"{_ONE}/check": {"GET": Rule(VIEWER), "POST": Rule(EDITOR, "check")},
    f"{_ONE}/fields": {
        "GET": Rule(VIEWER),
        "PUT": Rule(EDITOR, "fields.upload"),
        "DELETE": Rule(EDITOR, "fields.forget"),
    },
    f"{_ONE}/fields/read": {"POST": Rule(EDITOR, "fields.read")},
    f"{_ONE}/preview": {"POST": Rule(VIEWER)},
    "/api/configuration": {"GET": Rule(VIEWER), "PUT": Rule(EDITOR, "configuration.apply")},
}

#: What is answered without asking who it is.
OPEN = frozenset(
    (method, path) for path, rules in RULES.items() for method, rule in rules.items() if rule.role is None
)


def rule_of(path: str, method: str) -> Rule:
    """The rule of a path, as it is declared, and a method. There is one for each, or nothing starts."""
    return RULES[path]["GET" if method == "HEAD" else method]
