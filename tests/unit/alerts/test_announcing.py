"""Each beginning and each end is announced once, whatever happens in between."""

from gainstage.alerts.announcing import Announcer, News
from gainstage.alerts.conditions import Condition
from gainstage.alerts.webhook import message, request, retry_seconds, signature
from gainstage.operating import Alerts
from gainstage.store.rows import AlertRow

SECOND_US = 1_000_000
SETTINGS = Alerts(ends_after_seconds=60)
DISK = Condition("disk", "", "The disk is nearly full.")
CS = Condition("blocked", "cs", "Nothing is sent to cs.")


def standing(*found: Condition) -> dict[str, Condition]:
    return {one.key: one for one in found}


def tell_all(announcer: Announcer) -> list[tuple[str, str]]:
    """Tell everything there is to tell, and keep it."""
    heard = []
    while (news := announcer.next()) is not None:
        heard.append((news.condition.key, "ended" if news.ended else "begun"))
        announcer.told(news)
    return heard


def kept(announcer: Announcer, before: dict[str, AlertRow]) -> dict[str, AlertRow]:
    """What the store holds afterwards."""
    after = {**before, **announcer.take_changed()}
    return {key: row for key, row in after.items() if row is not None}


def test_what_stands_for_long_is_announced_once_and_its_end_once() -> None:
    announcer, heard = Announcer([], 0), []
    for second in range(10):
        announcer.look(standing(DISK), SETTINGS, second * SECOND_US)
        heard += tell_all(announcer)
    for second in range(10, 200):
        announcer.look({}, SETTINGS, second * SECOND_US)
        heard += tell_all(announcer)
    assert heard == [("disk", "begun"), ("disk", "ended")]


def test_what_comes_and_goes_is_one_alert() -> None:
    announcer, heard = Announcer([], 0), []
    for second in range(0, 600, 30):
        announcer.look(standing(CS) if second % 60 else {}, SETTINGS, second * SECOND_US)
        heard += tell_all(announcer)
    assert heard == [("blocked cs", "begun")]


def test_a_restart_announces_nothing_anew_and_forgets_no_end() -> None:
    first = Announcer([], 0)
    first.look(standing(DISK, CS), SETTINGS, 0)
    assert len(tell_all(first)) == 2
    rows = kept(first, {})
    second = Announcer(rows.values(), 5)
    second.look(standing(CS), SETTINGS, 10)
    assert tell_all(second) == []
    second.look(standing(CS), SETTINGS, 70 * SECOND_US)
    assert tell_all(second) == [("disk", "ended")]
    assert list(kept(second, rows)) == ["blocked cs"]


def test_what_was_not_told_before_a_restart_is_told_after_it() -> None:
    first = Announcer([], 0)
    first.look(standing(CS), SETTINGS, 0)
    rows = kept(first, {})
    first.look({}, SETTINGS, 100 * SECOND_US)
    rows = kept(first, rows)
    second = Announcer(rows.values(), 200 * SECOND_US)
    assert tell_all(second) == [("blocked cs", "begun"), ("blocked cs", "ended")]


def test_what_begins_again_before_its_end_was_told_is_a_new_alert() -> None:
    announcer = Announcer([], 0)
    announcer.look(standing(CS), SETTINGS, 0)
    announcer.look({}, SETTINGS, 100 * SECOND_US)
    announcer.look(standing(CS), SETTINGS, 101 * SECOND_US)
    assert tell_all(announcer) == [("blocked cs", "begun"), ("blocked cs", "ended")]
    announcer.look(standing(CS), SETTINGS, 102 * SECOND_US)
    assert tell_all(announcer) == [("blocked cs", "begun")]


def test_what_could_not_be_kept_is_kept_later_as_it_is_by_then() -> None:
    announcer = Announcer([], 0)
    announcer.look(standing(CS), SETTINGS, 0)
    lost = announcer.take_changed()
    tell_all(announcer)
    announcer.give_back(lost)
    row = announcer.take_changed()["blocked cs"]
    assert row is not None and row.told


def news(ended_us: int | None = None) -> News:
    return News(AlertRow("blocked cs", 5_000_000, ended_us, ended_us is not None, b""), CS)


def test_a_message_tells_beginning_and_end_apart_and_names_the_same_alert() -> None:
    begun, ended = message(news(), "host-1"), message(news(9_000_000), "host-1")
    assert begun["id"] == ended["id"]
    assert (begun["state"], ended["state"]) == ("begun", "ended")
    assert (begun["ended_at"], ended["ended_at"]) == (None, 9)
    assert "host-1" in begun["text"] and "Nothing is sent to cs." in ended["text"]


def test_a_message_is_signed_with_its_time_by_a_known_answer() -> None:
    secret = "0123456789abcdef"
    made = request(news(), Alerts("https://x.example/h", secret), "h", 7_000_000)
    assert made.headers["Gainstage-Signature"] == signature(secret, 7, made.body)
    assert signature("key", 7, b"{}") == (
        "t=7,v1=77bc83bd1f40422311e47918b203449aecf84b02c1568bb1b570ac2a474cc2d8"
    )
    unsigned = request(news(), Alerts("https://x.example/h"), "h", 7_000_000)
    assert "Gainstage-Signature" not in unsigned.headers


def test_retries_wait_longer_and_longer_within_a_bound() -> None:
    assert [retry_seconds(n) for n in (1, 2, 3, 9, 10, 1000)] == [1, 2, 4, 256, 300, 300]
