"""The part of the store's suite that is about forgetting people; `StoreSuite` brings it along."""

from collections.abc import Sequence
from pathlib import Path

from gainstage.operation import Record
from gainstage.store.contract import Store, Transaction
from gainstage.store.forgetting_rows import ForgettingRow, Found, Phase, Someone
from gainstage.store.rows import FAILED, PARKED, KnownUser, event_key
from gainstage.testing.lanes_suite import OpensStore
from gainstage.testing.store_processes import NOW_US, PERSON, enter, lease, wait_in_lane

KEYS, EMAIL = ("a:tablet", "u:ann"), "ann@x.example"
TEAM = Record("team", "name:Acme")


def someone() -> Someone:
    """Ann, whose record is PERSON."""
    return Someone(KEYS, (EMAIL,), (("person", "email:{email}"),))


def ask(transaction: Transaction, digests: Sequence[bytes] = (b"ann", b"tablet")) -> int:
    """A request about her."""
    return transaction.forgetting.ask(b"asked", someone(), digests, {}, NOW_US)


def row_of(store: Store, number: int) -> ForgettingRow:
    """A request as readers see it."""
    with store.reading() as reading:
        row = reading.receipts.get(number)
    assert row is not None
    return row


class ForgettingSuite(OpensStore):
    """The behaviours of `gainstage.store.contract.Forgetting`."""

    def test_a_request_is_kept_and_found_by_what_it_was_asked_for(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                number = ask(transaction)
                other = transaction.forgetting.ask(
                    b"other", someone(), [b"bob"], {"px": {"outcome": "waiting"}}, 7
                )
            with two.transaction() as transaction:
                assert [row.id for row in transaction.forgetting.open()] == [number, other]
                (row, _) = transaction.forgetting.open()
                assert (row.phase, row.person, row.asked_us) == (Phase.LOG, someone(), NOW_US)
                row.phase, row.person, row.place, row.detail = Phase.DONE, None, {"n": 1}, "why"
                row.counts, row.done_us, row.log_gone_us = {"events": 3}, NOW_US + 1, NOW_US + 2
                transaction.forgetting.save(row)
            with one.transaction() as transaction:
                assert [row.id for row in transaction.forgetting.open()] == [other]
            assert row_of(one, number) == row
            with one.reading() as reading:
                assert [found.id for found in reading.receipts.all()] == [other, number]
                assert [found.id for found in reading.receipts.all([b"asked"])] == [number]
                assert [found.id for found in reading.receipts.all([b"nobody", b"bob"])] == [other]

    def test_who_is_suppressed_is_known_to_every_handle_until_lifted(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                before = transaction.forgetting.revision()
                number = ask(transaction)
                both = transaction.forgetting.ask(b"again", someone(), [b"ann"], {}, NOW_US)
            with two.transaction() as transaction:
                assert transaction.forgetting.revision() > before
                assert transaction.forgetting.suppressed() == {b"ann", b"tablet"}
                assert not transaction.forgetting.lift(number, NOW_US)
                for row in transaction.forgetting.open():
                    row.done_us = NOW_US
                    transaction.forgetting.save(row)
                assert transaction.forgetting.lift(number, NOW_US + 5)
                assert not transaction.forgetting.lift(number, NOW_US + 6)
                assert transaction.forgetting.suppressed() == {b"ann"}
                assert (
                    transaction.forgetting.lift(both, NOW_US + 5) and not transaction.forgetting.suppressed()
                )
            assert row_of(one, number).lifted_us == NOW_US + 5

    def test_further_ids_are_suppressed_for_the_same_requests(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            number = ask(transaction)
            before = transaction.forgetting.revision()
            transaction.forgetting.suppress_with([b"ann"], [b"new", b"newer"])
            assert transaction.forgetting.revision() > before
            assert transaction.forgetting.suppressed() == {b"ann", b"tablet", b"new", b"newer"}
            (row,) = transaction.forgetting.open()
            row.done_us = NOW_US
            transaction.forgetting.save(row)
            assert transaction.forgetting.lift(number, NOW_US)
            assert transaction.forgetting.suppressed() == frozenset()

    def test_whoever_belongs_together_is_one(self, tmp_path: Path) -> None:
        known = {
            "u:ann": KnownUser(email="Ann@x.example"),
            "u:old": KnownUser(user_id="ann"),
            "a:tablet": KnownUser(user_id="old"),
            "u:twin": KnownUser(email="ann@X.example"),
            "a:phone": KnownUser(user_id="twin", email="other@x.example"),
            "u:bob": KnownUser(email="bob@x.example"),
        }
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                for key, user in known.items():
                    transaction.intake.remember(key, user)
            with store.reading() as reading:
                for name in ("u:ann", "u:old", "a:tablet", "u:twin"):
                    keys, emails = reading.receipts.someone([name], [])
                    assert set(keys) == set(known) - {"u:bob"}
                    assert set(emails) == {"ann@x.example", "other@x.example"}
                assert reading.receipts.someone([], ["bob@x.example"]) == (("u:bob",), ("bob@x.example",))
                assert reading.receipts.someone(["u:nobody"], []) == (("u:nobody",), ())

    def test_what_is_purged_leaves_nothing_and_the_counts_of_others_alone(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            for offset, word in ((1, FAILED), (2, PARKED)):
                enter(transaction, offset, "d", word=word, opened=0)
            event, other = enter(transaction, 3, "d", opened=2), enter(transaction, 4, "d")
            wait_in_lane(transaction, event)
            team = wait_in_lane(transaction, event, record=TEAM)
            wait_in_lane(transaction, other, record=TEAM)
            alone = transaction.calls.begin(1, NOW_US, "PUT", "https://x.example/1", "hers", [event])
            shared = transaction.calls.begin(1, NOW_US, "PUT", "https://x.example/2", "both", [event, other])
            for call in (alone, shared):
                transaction.calls.end(call, 200, "said", NOW_US)
            number = ask(transaction)
            source = transaction.names.source("app")
            transaction.forgetting.note_keys(number, [event_key(source, f"m-{n}") for n in (1, 2, 3, 99)])
            ended = transaction.forgetting.purge(number, 0, 2)
            assert (ended.events, ended.more) == (2, True)
            ended = transaction.forgetting.purge(number, ended.last, 2)
            assert (ended.events, ended.calls, ended.busy, ended.more) == (1, 2, 0, False)
            assert transaction.reading.events("m-3") == []
            assert transaction.reading.dead((0, 0), 10) == []
            words = transaction.reading.counters()[("app", "d")]
            assert words == {"delivered": 0, "filtered": 2, "failed": 1, "parked": 0, "pending": 1}
            (said,) = transaction.reading.attempts(other, "d")
            assert "both" not in str(said) and "said" not in str(said) and said["status"] == 200
            assert [lane.record_id for lane in transaction.lanes.due(1, NOW_US, 9)] == [team]
            assert enter(transaction, 5, "d") > other

    def test_a_record_with_a_call_under_way_is_waited_for(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            event = enter(transaction, 1, "d")
            number = wait_in_lane(transaction, event)
            fence = lease(transaction, number, NOW_US + 5)
            request = ask(transaction)
            transaction.forgetting.note(request, [event])
            assert transaction.forgetting.purge(request, 0, 10).busy == 1
            assert not transaction.forgetting.purge_person(request, someone())
            assert transaction.records.release(number, fence, in_doubt=False)
            assert transaction.lanes.due(1, NOW_US, 9) == []  # no call is begun any more
            assert transaction.forgetting.purge(request, 0, 10).events == 1
            assert transaction.forgetting.purge_person(request, someone())
            assert transaction.records.find(1, PERSON) is None

    def test_what_is_known_of_a_person_goes_and_of_others_stays(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            tenants = [transaction.names.tenant(name) for name in ("acme", "other")]
            for tenant in tenants:
                transaction.records.record_number(tenant, PERSON)
                transaction.records.record_number(tenant, TEAM)
            for key in (*KEYS, "u:bob"):
                transaction.intake.remember(key, KnownUser(email=EMAIL))
            late = enter(transaction, 1, "d")
            wait_in_lane(transaction, late)
            transaction.intake.flush()  # type: ignore[attr-defined]
            request = ask(transaction)
            assert not transaction.forgetting.purge_person(request, someone())
            assert transaction.forgetting.purge(request, 0, 10).events == 1
            assert transaction.forgetting.purge_person(request, someone())
            assert [transaction.records.find(tenant, PERSON) for tenant in tenants] == [None, None]
            assert all(transaction.records.find(tenant, TEAM) for tenant in tenants)
            assert {key for key, *_ in transaction.reading.users("bob", [EMAIL])} == {"u:bob"}

    def test_events_are_found_by_whose_they_are_and_by_what_was_resolved(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            events = [enter(transaction, n, "d") for n in range(1, 6)]
            transaction.intake.resolve(events[1], b'{"user_id":"ann","email":"","account":""}')
            transaction.intake.resolve(events[3], b'{"user_id":"","email":"ANN@x.example","account":""}')
            transaction.intake.resolve(events[4], b'{"user_id":"bob","email":"bob@x.example","account":""}')
            bodies = [(event, b"body %d" % n) for n, event in enumerate(events, 1)]
            find = transaction.reading.receipts.find
            assert find({b"ann"}, someone(), 0, 3) == Found([events[1]], [], bodies[:3], events[2])
            assert find({b"ann"}, someone(), events[2], 3) == Found([events[3]], [], bodies[3:], None)

    def test_an_event_of_another_with_the_persons_e_mail_is_told_apart_and_lets_go_of_it(
        self, tmp_path: Path
    ) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            event = enter(transaction, 1, "d")
            transaction.intake.resolve(event, b'{"user_id":"bob","email":"ann@x.example","account":""}')
            found = transaction.reading.receipts.find(set(), someone(), 0, 3)
            assert (found.events, found.resolved) == ([], [event])
            transaction.forgetting.unresolve(found.resolved, [EMAIL])
            assert transaction.reading.receipts.find(set(), someone(), 0, 3).resolved == []
            assert [one["id"] for one in transaction.reading.events("m-1")] == [event]

    def test_large_messages_are_told_a_few_at_a_time(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            events = [enter(transaction, n, "d") for n in range(1, 6)]
            transaction.intake.keep_bodies([(event, b"x" * 5_000_000) for event in events])
            find, last, told = transaction.reading.receipts.find, 0, list[int]()
            while (found := find(set(), someone(), last, 100)).last is not None:
                assert len(found.kept) == 2
                last, told = found.last, [*told, *(event for event, _ in found.kept)]
            assert [*told, *(event for event, _ in found.kept)] == events

    def test_events_of_messages_are_found_by_source_and_id(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            event = enter(transaction, 1, "d")
            asked = [("app", "m-1"), ("app", "m-2"), ("nowhere", "m-1")]
            assert transaction.reading.receipts.entered(asked) == {event}

    def test_capitals_beyond_ascii_make_no_other_e_mail(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                transaction.intake.remember("u:eva", KnownUser(email="\u00c9VA@x.example"))
            with store.reading() as reading:
                found = reading.receipts.someone([], ["\u00e9va@x.example"])
            assert found == (("u:eva",), ("\u00e9va@x.example",))

    def test_entries_are_noted_once_until_they_are_erased(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                assert transaction.forgetting.erase_later([(0, 5), (0, 7), (1, 5)]) == 3
                assert transaction.forgetting.erase_later([(0, 7), (0, 8)]) == 1
            with store.transaction() as transaction:
                assert transaction.forgetting.erasures(3) == [(0, 5), (0, 7), (0, 8)]
                transaction.forgetting.erased([(0, 5), (0, 8)])
                assert transaction.forgetting.erasures(9) == [(0, 7), (1, 5)]

    def test_the_check_of_the_key_is_kept(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                assert transaction.forgetting.key_check() is None
                transaction.forgetting.keep_key_check(b"check")
            with store.transaction() as transaction:
                assert transaction.forgetting.key_check() == b"check"

    def test_of_what_was_deleted_nothing_is_left_after_scrubbing(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                for n in range(200):
                    transaction.intake.remember(f"u:{n}", KnownUser(email=f"Scrub-Me-{n % 7}@x.example"))
            with store.transaction() as transaction:
                request = transaction.forgetting.ask(b"", Someone((), ()), [], {}, NOW_US)
                all_of_them = Someone(tuple(f"u:{n}" for n in range(200)), ())
                assert transaction.forgetting.purge_person(request, all_of_them)
            store.scrub()
            assert store.count([b"scrub-me"]) in (0, None)
            with store.transaction() as transaction:
                assert transaction.intake.user("u:1") is None
