"""The part of the store's suite that is about users, sessions, tokens and what was done."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from gainstage.store.account_rows import AuditFilter, AuditRow, SessionRow, TokenRow, UserRow

NOW_US = 1_800_000_000_000_000


def user_row(name: str, role: str = "viewer", number: int = 0) -> UserRow:
    return UserRow(number, name, name.casefold(), role, True, f"hash of {name}", NOW_US, NOW_US)


def session_row(user: int, digest: bytes, at_us: int = NOW_US) -> SessionRow:
    return SessionRow(0, digest, user, at_us, at_us, "192.0.2.1", "browser")


def token_row(name: str, digest: bytes) -> TokenRow:
    return TokenRow(0, name, name.casefold(), digest, "editor", NOW_US, "user ann", NOW_US + 1, None)


def audit_row(action: str, at_us: int = NOW_US, actor: str = "ann") -> AuditRow:
    return AuditRow(0, at_us, "user", actor, action, "", "begun", "", b"{}")


class AccountsSuite:
    """Who may manage a server, and what they did."""

    def store(self, folder: Path) -> AbstractContextManager[Any]:
        raise NotImplementedError

    def test_a_name_is_one_users_only_and_what_is_changed_stays_changed(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.reading() as reading:
                assert not reading.accounts.any_user() and reading.accounts.users() == []
            with store.transaction() as transaction:
                accounts = transaction.accounts
                bob = accounts.add_user(user_row("Bob"))
                ann = accounts.add_user(user_row("ann", "admin"))
                assert bob is not None and ann is not None and bob != ann
                assert accounts.add_user(user_row("BOB")) is None
                changed = UserRow(bob, "Bob", "bob", "editor", False, "other", NOW_US, NOW_US + 1, NOW_US + 2)
                accounts.save_user(changed)
            with store.reading() as reading:
                assert reading.accounts.users() == [user_row("ann", "admin", ann), changed]
                assert reading.accounts.user("bob") == changed and reading.accounts.any_user()
                assert reading.accounts.user("Bob") is None

    def test_numbers_of_users_are_never_given_again(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            first = transaction.accounts.add_user(user_row("ann"))
            transaction.accounts.remove_user(first)
            assert transaction.accounts.add_user(user_row("bob")) not in (first, None)

    def test_a_removed_user_has_no_session_left(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                ann = transaction.accounts.add_user(user_row("ann"))
                bob = transaction.accounts.add_user(user_row("bob"))
                transaction.accounts.begin_session(session_row(ann, b"a"), 10)
                kept = transaction.accounts.begin_session(session_row(bob, b"b"), 10)
                transaction.accounts.remove_user(ann)
            with store.reading() as reading:
                assert reading.accounts.session(b"a") is None and reading.accounts.user("ann") is None
                session, user = reading.accounts.session(b"b")
                assert (session.id, user.name) == (kept, "bob")

    def test_sessions_end_one_by_one_all_but_one_or_when_they_are_old(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            accounts = transaction.accounts
            ann, bob = accounts.add_user(user_row("ann")), accounts.add_user(user_row("bob"))
            first, second, third = (
                accounts.begin_session(session_row(ann, name, NOW_US + at), 10)
                for name, at in ((b"1", 0), (b"2", 10), (b"3", 20))
            )
            accounts.begin_session(session_row(bob, b"4", NOW_US + 5), 10)
            assert [one.id for one in accounts.sessions(ann)] == [third, second, first]
            assert not accounts.end_session(first, bob), "somebody else's"
            assert accounts.end_session(first, ann) and not accounts.end_session(first, ann)
            accounts.seen(second, NOW_US + 30)
            accounts.seen(second, NOW_US + 25)
            assert accounts.sessions(ann)[1].seen_us == NOW_US + 30
            assert accounts.let_go(NOW_US + 20, 0) == 1 and accounts.sessions(bob) == []
            assert accounts.let_go(0, NOW_US + 11) == 1
            assert [one.id for one in accounts.sessions(ann)] == [third]
            fourth = accounts.begin_session(session_row(ann, b"5"), 10)
            assert accounts.end_sessions(ann, third) == 1 and accounts.session(b"5") is None
            assert accounts.end_sessions(ann) == 1 and fourth > third

    def test_of_many_sessions_of_a_user_the_newest_stay(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            ann = transaction.accounts.add_user(user_row("ann"))
            bob = transaction.accounts.add_user(user_row("bob"))
            transaction.accounts.begin_session(session_row(bob, b"b"), 3)
            for number in range(5):
                transaction.accounts.begin_session(session_row(ann, b"%d" % number), 3)
            kept = [one.digest for one in transaction.accounts.sessions(ann)]
            assert kept == [b"4", b"3", b"2"] and transaction.accounts.sessions(bob)

    def test_a_token_is_found_by_its_digest_until_it_is_removed(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                accounts = transaction.accounts
                number = accounts.add_token(token_row("Ci", b"c"))
                assert number is not None and accounts.add_token(token_row("ci", b"d")) is None
                accounts.add_token(token_row("a", b"a"))
                accounts.used(number, NOW_US + 9)
            with store.reading() as reading:
                assert [one.name for one in reading.accounts.tokens()] == ["a", "Ci"]
                assert reading.accounts.token(b"c").used_us == NOW_US + 9
                assert reading.accounts.token(b"d") is None
            with store.transaction() as transaction:
                assert transaction.accounts.remove_token("ci")
                assert not transaction.accounts.remove_token("ci")
                assert transaction.accounts.token(b"c") is None

    def test_what_was_done_is_read_from_its_end_page_by_page_and_filtered(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                numbers = [
                    transaction.audit.begin(audit_row(action, NOW_US + place, actor))
                    for place, (action, actor) in enumerate(
                        (("user.add", "ann"), ("username", "ann"), ("user.remove", "bob"), ("token", "bob"))
                    )
                ]
                transaction.audit.end(numbers[0], "done", "carl", b'{"role":"viewer"}')
            with store.reading() as reading:

                def found(before: int | None = None, limit: int = 10, **wanted: Any) -> list[int]:
                    rows = reading.audit.page(AuditFilter(**wanted), before, limit)
                    return [numbers.index(row.id) for row in rows]

                assert found() == [3, 2, 1, 0]
                assert found(limit=2) == [3, 2] and found(numbers[2], 2) == [1, 0]
                assert found(actor="bob") == [3, 2] and found(action="user") == [2, 0]
                assert found(action="user.add") == [0] and found(outcome="begun") == [3, 2, 1]
                assert found(since_us=NOW_US + 1, until_us=NOW_US + 3) == [2, 1]
                (row,) = reading.audit.page(AuditFilter(outcome="done"), None, 1)
                assert (row.object, row.detail, row.at_us) == ("carl", b'{"role":"viewer"}', NOW_US)

    def test_old_entries_of_what_was_done_go_the_oldest_first(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            for place in range(5):
                transaction.audit.begin(audit_row(f"a{place}", NOW_US + place))
            assert transaction.audit.trim(NOW_US + 3, 2) == 2
            assert transaction.audit.trim(NOW_US + 3, 2) == 1
            assert transaction.audit.trim(NOW_US + 3, 2) == 0
            assert [row.action for row in transaction.audit.page(AuditFilter(), None, 9)] == ["a4", "a3"]
