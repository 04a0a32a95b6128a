"""Audiences and computed traits: which there are, one of them, and the builder."""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from gainstage.accounts import EDITOR
from gainstage.audiences.keys import key_of
from gainstage.audiences.operators import OPERATORS
from gainstage.dashboard.asking import Refused
from gainstage.dashboard.audiences import draft as drafts
from gainstage.dashboard.audiences.draft import Draft
from gainstage.dashboard.audiences.shown import drafted
from gainstage.dashboard.audiences.words import CHOICES, described
from gainstage.dashboard.audiences.written import Written
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit

MEMBERS = 20
KINDS = ("audience", "computed_trait")
#: What events are called that have no name of their own.
VIEWS = {"page": "Page Viewed", "screen": "Screen Viewed"}
MOST_SUGGESTED = 200
#: Said of what was asked of one of them, by the last word of the path.
DONE = {
    "pause": "is paused: it is computed on, and what it would say waits.",
    "resume": "goes on.",
    "run": "is computed now: the size follows in a moment.",
}


async def show_list(visit: Visit) -> Response:
    """All of them, and how far what they say is."""
    return await visit.page("audiences.html", await visit.get("/api/audiences"))


async def show_one(visit: Visit) -> Response:
    """One of them: what it says, who is in it, and since when."""
    found = await visit.get(f"/api/audiences/{visit.path('key')}", limit=MEMBERS)
    history = list(reversed(found["history"]))
    data = {
        "audience": found,
        "words": described(found["kind"], found["definition"]),
        "labels": [*(size["at"][:16].replace("T", " ") for size in history), "now"] if history else [],
        "sizes": [*(size["size"] for size in history), found["size"]] if history else [],
        "moving": sum(found["on_their_way"].values()),
    }
    return await visit.page("audience.html", data)


async def act(visit: Visit) -> Response:
    """Pause it, let it go on, or have it computed now."""
    key = visit.path("key")
    what = (await visit.form()).get("do")
    if what in DONE:
        await visit.send("POST", f"/api/audiences/{key}/{what}")
        visit.tell(f"{key} {DONE[what]}")
    elif what == "remove":
        try:
            await visit.send("DELETE", f"/api/audiences/{key}")
        except Refused as refused:
            if refused.code != "configuration_invalid":
                raise
            visit.tell(f"{key} stays: {'; '.join(refused.more.get('problems', ()))}.", "danger")
            return visit.to(f"/audiences/{key}")
        visit.tell(f"{key} is removed. Its key is not given again.")
        return visit.to("/audiences")
    return visit.to(f"/audiences/{key}")


async def show_new(visit: Visit) -> Response:
    """The builder, with nothing in it yet."""
    _refuse_viewers(visit)
    kind = visit.query("kind")
    return await _builder(visit, drafts.empty(kind if kind in KINDS else "audience"))


async def show_edit(visit: Visit) -> Response:
    """The builder, with what is in force."""
    _refuse_viewers(visit)
    found = await visit.get(f"/api/audiences/{visit.path('key')}", limit=0)
    if found["owner"] == "file":
        visit.tell(
            f"{found['key']} stands in the configuration file, and is changed there: see its definition.",
            "warning",
        )
        return visit.to(f"/audiences/{found['key']}")
    return await _builder(visit, drafted(found["kind"], found["definition"]), found)


async def build_new(visit: Visit) -> Response:
    """A button of the builder: another condition, the size, or putting it in force."""
    return await _built(visit, None)


async def build_edit(visit: Visit) -> Response:
    """The same for what is in force already."""
    return await _built(visit, await visit.get(f"/api/audiences/{visit.path('key')}", limit=0))


async def _built(visit: Visit, found: Mapping[str, Any] | None) -> Response:
    _refuse_viewers(visit)
    form = await visit.form()
    draft, what = drafts.read(form), form.get("do") or "preview"
    written_key = found["key"] if found else form.get("key")
    if what not in ("preview", "save"):
        drafts.change(draft, what, form)
        return await _builder(visit, draft, found, key=written_key)
    written = Written(draft)
    body: dict[str, Any] = {**(_kept(found["definition"]) if found else {}), **written.body}
    if written_key:
        body["key"] = written_key
    try:
        if what == "save" and (saved := await _save(visit, draft.kind, body, found)):
            return saved
        counted = (await visit.send("POST", "/api/audiences/preview", {draft.kind: body})).content
    except Refused as refused:
        if refused.status not in (400, 409, 422):
            raise
        told = refused.more.get("problems") or [refused.message]
        placed, rest = written.problems(told, draft.kind)
        return await _builder(
            visit,
            draft,
            found,
            key=written_key,
            problems=placed,
            rest=rest,
            status=422 if what == "save" else 200,
        )
    return await _builder(visit, draft, found, key=written_key, counted=counted)


async def _save(
    visit: Visit, kind: str, body: Mapping[str, Any], found: Mapping[str, Any] | None
) -> Response | None:
    """Put it in force. None: it has no key yet, so that looking at its size tells what is wrong."""
    key = str(body.get("key") or key_of(str(body["name"])))
    if not key:
        return None
    if found is None:
        await _refuse_taken(visit, kind, key)
    await visit.send("PUT", f"/api/audiences/{key}", {kind: body})
    visit.tell(f"{body['name']} is in force.")
    return visit.to(f"/audiences/{key}")


async def _refuse_taken(visit: Visit, kind: str, key: str) -> None:
    """A new definition takes nobody's place."""
    try:
        other = await visit.get(f"/api/audiences/{key}", limit=0)
    except Refused:
        return
    problem = f"{kind}.name: {other['name']} has the key {key} already: choose another name, or another key"
    raise Refused(422, {"code": "configuration_invalid", "message": problem, "problems": [problem]}, {})


def _kept(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What the builder has no field for."""
    return {name: definition[name] for name in ("paused", "enabled") if name in definition}


async def _builder(
    visit: Visit,
    draft: Draft,
    found: Mapping[str, Any] | None = None,
    *,
    key: str = "",
    problems: Mapping[str, list[str]] | None = None,
    rest: Iterable[str] = (),
    counted: Mapping[str, Any] | None = None,
    status: int = 200,
) -> Response:
    others = (await visit.get("/api/audiences"))["audiences"]
    own = found["key"] if found else ""
    data = {
        "draft": draft,
        "key": own,
        "written_key": key if not found else "",
        "made_key": own or key or key_of(draft.values.get("name", "")),
        "problems": problems or {},
        "rest": list(rest),
        "counted": counted,
        "destinations": [
            {"name": one["name"], "title": one["title"]}
            for one in (await visit.get("/api/destinations"))["destinations"]
        ],
        "audience_choices": [
            (one["key"], one["name"]) for one in others if one["kind"] == "audience" and one["key"] != own
        ],
        "suggested": await _suggested(visit, others),
        "aggregates": list(drafts.AGGREGATES.items()),
        "kinds": list(drafts.KINDS.items()),
        "operators": CHOICES,
        "property_operators": [(name, text) for name, text in CHOICES if not OPERATORS[name].relative],
        "deepest": drafts.DEEPEST,
        "action": visit.url(f"/audiences/{own}/edit" if own else "/audiences/new"),
    }
    return await visit.page("audience_builder.html", data, status)


async def _suggested(visit: Visit, others: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Names of events, properties and traits that were seen, the most frequent first."""
    events, properties, traits = dict[str, None](), dict[str, None](), dict[str, None]()
    for one in (await visit.get("/api/names"))["names"]:
        keys = [str(prop["key"]) for prop in one.get("properties", ())]
        if one["type"] in ("identify", "group"):
            traits.update(dict.fromkeys(keys))
        else:
            events[VIEWS.get(one["type"], one["name"] or "")] = None
            properties.update(dict.fromkeys(keys))
    traits.update({one["key"]: None for one in others if one["kind"] == "computed_trait"})
    listed = {"events": events, "properties": properties, "traits": traits}
    return {what: [one for one in found if one][:MOST_SUGGESTED] for what, found in listed.items()}


def _refuse_viewers(visit: Visit) -> None:
    if not visit.may(EDITOR):
        error = {"code": "role_insufficient", "message": "Defining audiences needs the role editor."}
        raise Refused(403, error, {})


AUDIENCES = Room(
    {
        "/audiences": {"GET": show_list},
        "/audiences/new": {"GET": show_new, "POST": build_new},
        "/audiences/{key}": {"GET": show_one, "POST": act},
        "/audiences/{key}/edit": {"GET": show_edit, "POST": build_edit},
    },
    "Audiences",
    "/audiences",
    "users-group",
)
