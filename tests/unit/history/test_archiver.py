"""What of the log is archived, as which rows, and what is left out."""

from datetime import datetime
from typing import Any

from gainstage.log.local import LocalLog
from gainstage.store.forgetting_rows import Someone
from gainstage.store.store import Store
from tests.unit.history.conftest import Shelf, at, track


async def test_each_kind_becomes_its_row(shelf: Shelf) -> None:
    context = {"traits": {"email": " Ada@X.example "}}
    await shelf.take(
        track(1, anonymousId="d-1", context=context),
        {"type": "page", "messageId": "p", "anonymousId": "d-1", "name": "Home", "properties": {"url": "/"}},
        {"type": "screen", "messageId": "s", "userId": "ann"},
        {"type": "identify", "messageId": "i", "userId": "ann",
         "traits": {"email": "ADA@x.example", "plan": "a"}},
        {"type": "group", "messageId": "g", "userId": "ann", "groupId": "acme", "traits": {"name": "Acme"}},
        {"type": "alias", "messageId": "z", "userId": "ann", "previousId": "old"},
    )  # fmt: skip
    columns = "kind, name, person, also, account, email, properties, traits"
    assert shelf.ask(f"SELECT {columns} FROM archive ORDER BY position") == [
        ("track", "Used", "u:ann", "a:d-1", None, "ada@x.example", '{"n":1}', None),
        ("page", "Page Viewed", "a:d-1", None, None, None, '{"url":"/","page_name":"Home"}', None),
        ("screen", "Screen Viewed", "u:ann", None, None, None, "{}", None),
        ("identify", "", "u:ann", None, None, "ada@x.example", None, '{"email":"ADA@x.example","plan":"a"}'),
        ("group", "", "u:ann", None, "acme", None, None, '{"name":"Acme"}'),
        ("alias", "", "u:ann", "u:old", None, None, None, None),
    ]
    assert shelf.ask("SELECT min(position), max(position), count(DISTINCT once) FROM archive") == [(1, 6, 6)]


async def test_times_are_utc_and_never_later_than_receipt(shelf: Shelf) -> None:
    await shelf.take(track(1, days=2), track(2, days=-0.5))
    found: list[tuple[Any, ...]] = shelf.ask("SELECT time, received FROM archive ORDER BY message_id")
    assert found[0][0] == datetime(2026, 11, 20, 12)
    assert found[1][0] == found[1][1] == datetime(2026, 11, 22, 12, 0, 0, 2)


async def test_what_is_no_event_and_what_gainstage_sends_itself_is_left_out(shelf: Shelf) -> None:
    taken = await shelf.take({"type": "track", "userId": "ann"}, track(1))
    assert (taken.read, taken.archived, taken.refused) == (2, 1, 1)
    assert (await shelf.take(track(2), source="gainstage:canary")).own == 1
    assert (await shelf.take(track(3), source="own")).own == 1
    assert shelf.ids() == ["m-000001"]


async def test_an_event_counts_once_however_often_and_late_it_comes(shelf: Shelf) -> None:
    taken = await shelf.take(track(1), track(1), track(2))
    assert (taken.archived, taken.duplicates) == (2, 1)
    shelf.now_us += 700 * 86_400_000_000
    taken = await shelf.take(track(2), {**track(1), "timestamp": None}, track(3))
    assert (taken.archived, taken.duplicates) == (1, 2)
    assert (await shelf.take(track(1), source="other")).archived == 1
    assert shelf.ids() == ["m-000001", "m-000001", "m-000002", "m-000003"]


async def test_only_what_delivery_has_routed_is_archived(shelf: Shelf) -> None:
    await shelf.take(track(1))
    await shelf.accept(track(2), routed=False)
    taken = await shelf.archiver.archive()
    assert (taken.read, taken.more, await shelf.archiver.behind()) == (0, False, 1)
    await shelf.route()
    assert (await shelf.archiver.archive()).archived == 1
    assert await shelf.archiver.behind() == 0


async def test_people_who_were_forgotten_are_left_out(shelf: Shelf) -> None:
    with shelf.store.transaction() as transaction:
        names = ("u:ann", "e:ada@x.example")
        digests = [shelf.pseudonyms.of(name) for name in names]
        transaction.forgetting.ask(b"x", Someone(("u:ann",), ()), digests, {}, 1)
    taken = await shelf.take(
        track(1), track(2, "bob", context={"traits": {"email": "Ada@x.example"}}), track(3, "bob")
    )
    assert (taken.suppressed, taken.archived, shelf.ids()) == (2, 1, ["m-000003"])


async def test_a_limit_is_kept_to_and_the_rest_comes_next(shelf: Shelf) -> None:
    await shelf.accept(*(track(n) for n in range(25)))
    sizes = [(await shelf.archiver.archive(10)).archived for _ in range(4)]
    assert sizes == [10, 10, 5, 0]
    assert shelf.ask("SELECT count(*), max(position) FROM archive") == [(25, 25)]


async def test_texts_that_are_hard_to_write_come_back_as_they_were(shelf: Shelf) -> None:
    words = ["a\u0000b", "\ud83d\ude00 emoji", "ß" * 1_000, '"quoted"', "\u202eright"]
    await shelf.take(*(track(n, user=word, name=word, days=n) for n, word in enumerate(words)))
    found = shelf.ask("SELECT name, person FROM archive ORDER BY message_id")
    expected = [word.encode("utf-16", "surrogatepass").decode("utf-16") for word in words]
    assert found == [(word, f"u:{word}") for word in expected]


async def test_several_partitions_are_read_each_from_its_own_place(tmp_path: Any) -> None:
    shelf = Shelf(tmp_path, partitions=4)
    await shelf.accept(*(track(n, user=f"u{n}") for n in range(60)))
    while (await shelf.archiver.archive(7)).more:
        pass
    assert len(shelf.ids()) == len(set(shelf.ids())) == 60
    assert await shelf.archiver.behind() == 0
    await shelf.log.close()
    shelf.archive.close()
    shelf.store.close()


async def test_times_of_the_far_past_are_archived(shelf: Shelf) -> None:
    await shelf.take(track(1, days=700_000), track(2, days=20_500))
    assert [row[0].year for row in shelf.ask("SELECT time FROM archive ORDER BY time")] == [110, 1970]


async def test_an_empty_archive_is_an_empty_relation(shelf: Shelf) -> None:
    assert shelf.ask("SELECT * FROM archive") == []
    assert (await shelf.archiver.archive()).read == 0
    assert at(0).startswith("2026-11-22")


async def test_another_log_in_the_folder_is_read_from_its_start(shelf: Shelf) -> None:
    await shelf.take(*(track(n) for n in range(10)))
    await shelf.log.close()
    shelf.store.close()
    for name in ("log.db", "store.db"):
        for ending in ("", "-wal", "-shm"):
            (shelf.data / f"{name}{ending}").unlink(missing_ok=True)
    shelf.log, shelf.store = LocalLog(shelf.data), Store(shelf.data)
    taken = await shelf.take(track(3), track(50))
    assert (taken.archived, taken.duplicates) == (1, 1)
    assert len(shelf.ids()) == 11
