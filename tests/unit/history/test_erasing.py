"""A person's rows leave the archive, down to the bytes of its files, and nobody else's do."""

from gainstage.history.erasing import erase, look
from gainstage.store.forgetting_rows import Someone
from tests.unit.history.conftest import Shelf, track
from tests.unit.history.test_upkeep import HOUR_US, keep_up


async def fill(shelf: Shelf) -> None:
    await shelf.take(
        *(track(n, user=("ann", "bob", "cid")[n % 3], days=n) for n in range(9)),
        {"type": "identify", "messageId": "i1", "userId": "ann", "traits": {"email": "Old@Ann.example"}},
        {"type": "track", "messageId": "d1", "anonymousId": "dev-ann", "event": "Used"},
        {"type": "alias", "messageId": "z1", "userId": "someone", "previousId": "dev-ann"},
        track(50, user="dan", context={"traits": {"email": "ANN@x.example"}}),
        track(51, user="bob", anonymousId="dev-ann"),
    )  # fmt: skip


async def test_rows_of_a_person_go_by_id_alias_and_e_mail(shelf: Shelf) -> None:
    await fill(shelf)
    shelf.now_us += HOUR_US
    keep_up(shelf)
    seen = look(shelf.archive, Someone(("u:ann", "a:dev-ann"), ("ann@x.example",)), shelf.now_us)
    assert seen == (7, ({"u:dan", "u:someone"}, {"old@ann.example"}))
    gone = erase(shelf.archive, ["u:ann", "a:dev-ann"], ["ann@x.example"], now_us=shelf.now_us)
    assert gone == (7, False)
    assert shelf.ids() == ["m-000001", "m-000002", "m-000004", "m-000005", "m-000007", "m-000008", "m-000051"]
    assert shelf.ask("SELECT also FROM archive WHERE message_id = 'm-000051'") == [(None,)]
    for path in shelf.archive.folder.path.rglob("*.parquet"):
        text = str(shelf.ask(f"SELECT * FROM read_parquet('{path}')"))
        assert "ann" not in text.lower() and b"ann" not in path.read_bytes()
    again = erase(shelf.archive, ["u:ann", "a:dev-ann"], ["ann@x.example"], now_us=shelf.now_us)
    assert (again.rows, again.waiting) == (0, False)


async def test_events_of_somebody_who_is_let_in_again_count_anew(shelf: Shelf) -> None:
    await shelf.take(track(1), track(2, user="bob"))
    erase(shelf.archive, ["u:ann"], [], now_us=shelf.now_us)
    taken = await shelf.take(track(1), track(2, user="bob"))
    assert (taken.archived, taken.duplicates) == (1, 1)


async def test_while_somebody_reads_it_is_told_to_ask_again(shelf: Shelf) -> None:
    await fill(shelf)
    reader = shelf.opened()
    with reader.snapshot():
        gone = erase(shelf.archive, ["u:ann"], [], now_us=shelf.now_us)
        assert gone.rows and gone.waiting
    assert not erase(shelf.archive, ["u:ann"], [], now_us=shelf.now_us).waiting
    reader.close()
    assert b"u:ann" not in b"".join((shelf.archive.folder.path / name).read_bytes() for name in shelf.files())


async def test_files_that_were_set_aside_go_with_whoever_is_forgotten(shelf: Shelf) -> None:
    await fill(shelf)
    (name,) = shelf.files()
    path = shelf.archive.folder.file(name)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    erase(shelf.archive, ["u:ann"], [], now_us=shelf.now_us)
    assert not shelf.archive.folder.damaged() and shelf.files() == []
    assert shelf.archive.damages()[0].rows == 14
