"""What the data folder keeps of secrets, and with which key."""

from pathlib import Path

import pytest
import yaml

from gainstage.app.configuring import apply, configurer, export, in_force, refuse_other_file, seal_anew
from gainstage.app.folder import held
from gainstage.app.sealing import KEY_NAME, seal_of
from gainstage.configuration.environment import KEY_FILE_VARIABLE, KEY_VARIABLE
from gainstage.connection import Configuration
from gainstage.errors import DataUnusable, UsageError
from gainstage.store.store import Store

ACCESS_KEY = "s3cret-access-key-0123456789abcdefgh"
GIVEN = {
    "sources": [{"name": "app", "kind": "server", "write_key": "plain-write-key"}],
    "destinations": [
        {"name": "click", "type": "gainsight", "settings": {"access_key": ACCESS_KEY}},
        {"name": "px", "type": "gainsight_px", "settings": {"api_key": "${PX}", "product_tag_key": "AP-X-2"}},
    ],
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (KEY_VARIABLE, KEY_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PX", "px-key-0123456789")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gainstage.yaml"
    path.write_text(yaml.safe_dump(GIVEN))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def running(data: Path) -> Configuration:
    """What a delivery process makes of what is kept."""
    store = Store(data)
    try:
        with store.transaction() as transaction:
            return configurer(data)(transaction.documents.all(), 1)
    finally:
        store.close()


def restart(data: Path) -> None:
    """What a server does with the secrets when it starts."""
    store = Store(data)
    try:
        seal_anew(store, seal_of(data, make=True))
    finally:
        store.close()


def access_key(configuration: Configuration) -> str:
    settings = configuration.destinations["click"].settings
    assert settings is not None
    return str(settings.model_dump()["access_key"].get_secret_value())


def found_in(data: Path, text: str) -> list[str]:
    """The files of a folder that hold a text."""
    return [path.name for path in sorted(data.iterdir()) if text.encode() in path.read_bytes()]


def test_the_folder_holds_no_secret_in_the_open(config: Path, data: Path) -> None:
    assert apply(data, config)["changed"]
    assert found_in(data, ACCESS_KEY) == found_in(data, "plain-write-key") == []
    assert (data / KEY_NAME).stat().st_mode & 0o777 == 0o600
    assert access_key(running(data)) == ACCESS_KEY
    assert running(data).sources["app"].write_key == "plain-write-key"
    assert not apply(data, config)["changed"], "the same file changes nothing"
    assert ACCESS_KEY not in export(data) and "access_key: ${CLICK_ACCESS_KEY}" in export(data)


def test_a_key_of_the_environment_leaves_none_in_the_folder(
    config: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "k" * 32)
    apply(data, config)
    assert not (data / KEY_NAME).exists()
    assert access_key(running(data)) == ACCESS_KEY
    monkeypatch.delenv(KEY_VARIABLE)
    lost = running(data)
    told = lost.destinations["click"].problem
    assert (
        told is not None and "access_key: was sealed with a key that is not here: put it back" in told.detail
    )
    assert lost.destinations["px"].settings is not None, "others go on"
    assert lost.unusable_sources == {"app"}, "its SDKs are asked to come again, and lose nothing"


def test_a_key_is_changed_at_the_next_start(
    config: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(data, config)
    file = data.parent / "keys"
    file.write_text(f"{'n' * 40}\n")
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(file))
    restart(data)
    (data / KEY_NAME).unlink()
    assert access_key(running(data)) == ACCESS_KEY
    file.write_text(f"{'m' * 40}\n{'n' * 40}\n")
    restart(data)
    file.write_text(f"{'m' * 40}\n")
    assert access_key(running(data)) == ACCESS_KEY


def test_what_an_earlier_version_kept_in_the_open_is_sealed_and_wiped_at_the_next_start(
    config: Path, data: Path
) -> None:
    apply(data, config)
    store = Store(data)
    with store.transaction() as transaction:
        kept = transaction.documents.all()
        plain = [*seal_of(data).opened(kept)]
        transaction.documents.replace(
            [type(kept[0])(d.kind, d.name, d.owner, dict(d.body)) for d in plain], "file"
        )
    store.close()
    assert found_in(data, ACCESS_KEY)
    restart(data)
    assert found_in(data, ACCESS_KEY) == []
    assert access_key(running(data)) == ACCESS_KEY


def test_a_running_servers_configuration_is_compared_in_the_open(config: Path, data: Path) -> None:
    apply(data, config)
    with held(data):
        refuse_other_file(data, config)
        config.write_text(config.read_text().replace(ACCESS_KEY, "x" * 36))
        with pytest.raises(UsageError, match="another configuration"):
            refuse_other_file(data, config)


def test_what_is_in_force_without_a_file_is_opened(config: Path, data: Path) -> None:
    apply(data, config)
    store = Store(data)
    configuration, _ = in_force(store, None, seal_of(data))
    store.close()
    assert access_key(configuration) == ACCESS_KEY


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        (KEY_VARIABLE, "hunter2", "A key in GAINSTAGE_SECRET_KEY is shorter than 32 characters: make one"),
        (
            KEY_FILE_VARIABLE,
            "nowhere",
            "nowhere, which GAINSTAGE_SECRET_KEY_FILE names, cannot be read: No such",
        ),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_and_not_shown(
    data: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=told) as raised:
        seal_of(data)
    assert variable != KEY_VARIABLE or value not in str(raised.value)


def test_an_empty_key_file_and_a_damaged_key_are_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.mkdir()
    (data / KEY_NAME).write_bytes(b"half")
    with pytest.raises(DataUnusable, match=r"secrets\.key is damaged: put it back from a backup"):
        seal_of(data)
    (data / "empty").touch()
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(data / "empty"))
    with pytest.raises(UsageError, match="holds no key: make one"):
        seal_of(data)
