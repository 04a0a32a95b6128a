"""`gainstage user`, `token` and `audit`: in this process, with passwords that are cheap to hash."""

import io
import json
from pathlib import Path

import pytest

from gainstage import app
from gainstage.cli import users
from gainstage.cli.main import EXIT_UNUSABLE, run
from gainstage.errors import UsageError
from tests.unit.accounts.test_passwords import CHEAP

PASSWORD = "correct staple horse"


class Terminal(io.StringIO):
    """A stdin that says whether somebody sits before it."""

    def __init__(self, text: str = "", *, somebody: bool = False) -> None:
        super().__init__(text)
        self.isatty = lambda: somebody  # type: ignore[method-assign]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Shell":
    monkeypatch.setattr(app.Passwords.__init__, "__defaults__", (CHEAP,))
    return Shell(tmp_path / "data", monkeypatch, capsys)


class Shell:
    """Runs commands on a data folder of its own."""

    def __init__(self, data: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.data, self._patch, self._capsys = data, patch, capsys

    def run(self, *arguments: str, given: str = "") -> tuple[int, str, str]:
        self._patch.setattr("sys.stdin", Terminal(given))
        code = run([*arguments, "--data", str(self.data)])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def json(self, *arguments: str) -> list[dict[str, object]]:
        code, out, _ = self.run(*arguments, "--json")
        assert code == 0
        return list(json.loads(out))

    def audit(self) -> list[tuple[object, ...]]:
        rows = self.json("audit")
        return [(row["action"], row["object"], row["outcome"], row["detail"]) for row in reversed(rows)]


def test_a_user_is_added_changed_and_removed_and_all_of_it_is_noted(shell: Shell) -> None:
    assert shell.run("user", "add", "Ann", "--role", "admin", given=f"{PASSWORD}\n")[0] == 0
    assert shell.run("user", "add", "bob", "--role", "viewer", given=PASSWORD)[0] == 0
    for words in (("role", "bob", "editor"), ("disable", "BOB"), ("enable", "bob")):
        code, out, err = shell.run("user", *words)
        assert (code, out) == (0, "") and err.endswith(".\n")
    assert shell.run("user", "password", "bob", given="quite another one\n")[0] == 0
    listed = [(row["name"], row["role"], row["enabled"]) for row in shell.json("user", "list")]
    assert listed == [("Ann", "admin", True), ("bob", "editor", True)]
    assert "Ann" in shell.run("user", "list")[1]
    assert shell.run("user", "remove", "bob")[0] == 0
    assert shell.audit() == [
        ("user.add", "Ann", "done", {"role": "admin"}),
        ("user.add", "bob", "done", {"role": "viewer"}),
        ("user.change", "bob", "done", {"role": "editor"}),
        ("user.change", "BOB", "done", {"enabled": False}),
        ("user.change", "bob", "done", {"enabled": True}),
        ("user.change", "bob", "done", {"password": True}),
        ("user.remove", "bob", "done", {}),
    ]
    assert (
        "user.remove" in shell.run("audit")[1] and "Nothing was done" in shell.run("audit", "--actor", "x")[1]
    )


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (("add", "ann", "--role", "admin"), "", "There is no password"),
        (("add", "ann", "--role", "admin"), "short", "fewer than 12"),
        (("add", "ann", "--role", "owner"), PASSWORD, "viewer, editor, admin"),
        (("add", "last", "--role", "admin"), PASSWORD, "already"),
        (("remove", "last"), "", "last admin"),
        (("disable", "last"), "", "last admin"),
        (("role", "last", "viewer"), "", "last admin"),
        (("password", "nobody"), PASSWORD, "no user nobody"),
        (("add", "ann", "--role", "admin", "--password-file", "/absent"), "", "/absent cannot be read"),
        (("add", "ann"), PASSWORD, "--role"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_changes_nothing(
    shell: Shell, arguments: tuple[str, ...], given: str, said: str
) -> None:
    shell.run("user", "add", "last", "--role", "admin", given=PASSWORD)
    before = app.users(shell.data)
    code, out, err = shell.run("user", *arguments, given=given)
    assert (code, out) == (EXIT_UNUSABLE, "") and said in err and err.count("\n") == 1
    assert app.users(shell.data) == before and PASSWORD not in err


def test_a_password_is_asked_for_twice_without_echo_where_somebody_sits_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [PASSWORD, PASSWORD, PASSWORD, "a slip of the finger"]
    monkeypatch.setattr("sys.stdin", Terminal(somebody=True))
    monkeypatch.setattr("getpass.getpass", lambda prompt: answers.pop(0))
    assert users.read_password(None) == PASSWORD
    with pytest.raises(UsageError, match="not the same"):
        users.read_password(None)


def test_a_password_file_holds_it_in_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f" {PASSWORD} \r\nsomething else\n")
    assert users.read_password(file) == f" {PASSWORD} "


def test_a_token_is_shown_once_and_removed(shell: Shell) -> None:
    code, out, err = shell.run("token", "add", "ci", "--role", "editor", "--expires", "90d")
    assert code == 0 and out.startswith("gainstage_") and out.count("\n") == 1 and "not shown again" in err
    assert out.strip() not in shell.run("token", "list")[1] + shell.run("audit")[1]
    (row,) = shell.json("token", "list")
    assert (row["role"], row["expired"]) == ("editor", False)
    assert shell.run("token", "remove", "CI")[0] == 0
    assert shell.json("token", "list") == []
    assert shell.run("token", "remove", "ci")[0] == EXIT_UNUSABLE


@pytest.mark.parametrize("text", ["0", "soon", "9999d", "-1d"])
def test_a_token_lasts_for_some_time(shell: Shell, text: str) -> None:
    code, out, err = shell.run("token", "add", "ci", "--role", "viewer", "--expires", text)
    assert (code, out) == (EXIT_UNUSABLE, "") and err.count("\n") == 1


def test_no_password_is_ever_an_argument() -> None:
    for command in users.group.registered_commands:
        assert command.callback is not None
        assert "password" not in command.callback.__annotations__


def test_what_a_folder_without_data_is_asked_is_one_sentence(shell: Shell) -> None:
    for words in (("user", "list"), ("token", "list"), ("audit",), ("user", "remove", "ann")):
        code, _, err = shell.run(*words)
        assert code == EXIT_UNUSABLE and "holds no gainstage data" in err
    assert not shell.data.exists()
