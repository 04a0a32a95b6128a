"""Which of the attributes that are known of a record go along with those that change. Pure."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from gainstage.destination import Work
from gainstage.destinations.gainsight_px.settings import PxSettings

PREFIX = "customAttributes."


def with_mapped_attributes(settings: PxSettings, work: Work) -> Work:
    """The work with what is known of attributes that something maps still: the others may have been deleted,
    and PX may refuse the whole record for one of them.

    Those known in two letter cases stay out, too, but for the one that changes: which is newer is not known,
    and to PX both may be the same. (They are, where names were sent as written until the tenant's were read.)
    """
    mapped = settings.user_attributes if work.record.object == "user" else settings.account_attributes
    wanted = {name.lower() for name in mapped.values()}
    spellings = Counter(name.lower() for name in attributes({**work.known, **work.fields}))
    lost = {
        PREFIX + name
        for name in attributes(work.known)
        if PREFIX + name not in work.fields and (name.lower() not in wanted or spellings[name.lower()] > 1)
    }
    if not lost:
        return work
    known = {name: value for name, value in work.known.items() if name not in lost}
    return msgspec.structs.replace(work, known=known)


def attributes(fields: Iterable[str]) -> list[str]:
    """The names of the custom attributes among fields."""
    return [name.removeprefix(PREFIX) for name in fields if name.startswith(PREFIX)]
