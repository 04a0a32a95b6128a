"""The key under which people are known once nothing else of them is kept: a file of the data folder."""

from pathlib import Path

from gainstage.errors import DataUnusable
from gainstage.ingest.token_secret import KeptSecret, SecretUnavailable
from gainstage.pseudonym import Pseudonyms
from gainstage.store.store import Store

KEY_NAME = "people.key"
#: What the store keeps of the key: with another one nobody who was forgotten would be known again.
CHECK = "key:check"


def pseudonyms_of(data: Path, store: Store) -> Pseudonyms:
    """The pseudonyms of a data folder; the key is made where there is none yet.

    Raises:
        DataUnusable: the key cannot be used, or is not the one that the store was written with.
    """
    with store.transaction() as transaction:
        kept = transaction.forgetting.key_check()
        path = data / KEY_NAME
        lost = f"{path} is not the key that {data} was written with: put it back from a backup."
        if kept is not None and not path.exists():
            raise DataUnusable(lost)
        try:
            secret = KeptSecret(
                path, "people who were forgotten are not known again", "put it back from a backup"
            )()
        except SecretUnavailable as error:
            raise DataUnusable(str(error)) from None
        pseudonyms = Pseudonyms(secret)
        check = pseudonyms.of(CHECK)
        if kept is None:
            transaction.forgetting.keep_key_check(check)
        elif kept != check:
            raise DataUnusable(lost)
    return pseudonyms


def existing_pseudonyms(data: Path, store: Store) -> Pseudonyms:
    """The same for who only reads: nothing is written where the key is there.

    Raises:
        DataUnusable: the key cannot be used.
    """
    path = data / KEY_NAME
    try:
        if path.exists():
            return Pseudonyms(KeptSecret(path, "nobody's events are found", "put it back from a backup")())
    except SecretUnavailable as error:
        raise DataUnusable(str(error)) from None
    return pseudonyms_of(data, store)
