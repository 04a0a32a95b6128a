"""The secret of the access tokens in its file."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gainstage.ingest.token_secret import SECRET_BYTES, KeptSecret, SecretUnavailable


def test_is_made_at_first_use_for_its_owner_only_and_then_stays(tmp_path: Path) -> None:
    path = tmp_path / "oauth.secret"
    first = KeptSecret(path)
    assert not path.exists()
    secret = first()
    assert len(secret) == SECRET_BYTES
    assert path.stat().st_mode & 0o777 == 0o600
    assert first() == KeptSecret(path)() == secret
    assert list(tmp_path.iterdir()) == [path]


def test_is_the_same_for_all_who_make_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "oauth.secret"
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: KeptSecret(path)(), range(8)))) == 1


def test_that_is_damaged_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "oauth.secret"
    path.write_bytes(b"short")
    with pytest.raises(SecretUnavailable, match="delete it and restart"):
        KeptSecret(path)()


def test_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    with pytest.raises(SecretUnavailable, match="No such file"):
        KeptSecret(tmp_path / "none" / "oauth.secret")()
