"""Why an event is still pending at a destination."""

from typing import NamedTuple

from gainstage.sqlite import Database
from gainstage.store.rows import LIVE


class Pending(NamedTuple):
    """Why a pending delivery waits, and when it may move (None: not by itself)."""

    code: str
    detail: str
    moves_us: int | None


def why_pending(connection: Database, event_id: int, destination_id: int, now_us: int) -> Pending:
    """Why a pending delivery waits: its destination's state, its lane's last failure, or its turn."""
    blocked, code, detail, resume_us, paused, yields_until_us = connection.execute(
        "SELECT blocked, code, detail, resume_us, paused, yields_until_us FROM destination WHERE id = ?",
        (destination_id,),
    ).fetchone()
    if paused:
        return Pending("paused", "The destination is paused.", None)
    if blocked:
        return Pending(code, detail or "", None)
    row = connection.execute(
        "SELECT lane.due_us, lane.code, lane.detail, leased_until_us, occupied_until_us, waits, "
        "lane.priority FROM operation JOIN lane ON lane.record_id = operation.record_id "
        "AND lane.destination_id = "
        "operation.destination_id "
        "JOIN record ON record.id = operation.record_id "
        "WHERE event_id = ? AND operation.destination_id = ? ORDER BY waits, operation.id LIMIT 1",
        (event_id, destination_id),
    ).fetchone()
    if row is None:
        return Pending("queued", "Waits to be planned.", now_us)
    due_us, lane_code, lane_detail, leased_until_us, occupied_until_us, waits, priority = row
    if leased_until_us:
        return Pending("in_flight", "A call is under way.", now_us)
    if occupied_until_us:
        sentence = "The vendor may still carry out an asynchronous call whose end is not known."
        return Pending("in_flight", sentence, occupied_until_us)
    if waits or due_us is None:
        return Pending("depends", "Waits until the company or account that it names is settled.", None)
    if code and resume_us > now_us:
        return Pending(code, detail or lane_detail, max(due_us or now_us, resume_us))
    if priority != LIVE and yields_until_us > now_us:
        detail = "It is no live event: it waits, so that these have budget."
        return Pending("held_back", detail, max(due_us or now_us, yields_until_us))
    if lane_code:
        return Pending(lane_code, lane_detail, due_us or now_us)
    return Pending("queued", "Waits for its turn or a moment longer to merge with others.", due_us or now_us)
