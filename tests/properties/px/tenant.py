"""What a tenant of Gainsight PX holds, with the fields of inner objects under dotted names."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gainstage_sandbox.state import State
from tests.properties.px.case import Named

Fields = dict[str, Any]
#: Filled by PX.
FILLED = {"aptrinsicId", "createDate", "lastModifiedDate", "numberOfVisits"}
ABSENT = object()


class OneOf(NamedTuple):
    """A value of which only the choice is known; ABSENT stands for none."""

    values: tuple[Any, ...]


def held(state: State) -> dict[Named, Fields]:
    """What the sandbox holds."""
    return {
        (kind, key): flat({name: value for name, value in record.items() if name not in FILLED})
        for kind, records in state.px.records.items()
        for key, record in records.items()
    }


def flat(fields: Mapping[str, Any], prefix: str = "") -> Fields:
    """Fields of inner objects as `outer.inner`."""
    found: Fields = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def differences(what: str, wanted: Fields, found: Fields) -> list[str]:
    """How a record differs from what it should be, in sentences."""
    return [
        f"{what}: {name} is {found.get(name)!r} and should be {wanted.get(name)!r}"
        for name in sorted(wanted.keys() | found.keys())
        if not _is(wanted.get(name, ABSENT), found.get(name, ABSENT))
    ]


def _is(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, OneOf):
        return any(_is(one, found) for one in wanted.values)
    return type(wanted) is type(found) and wanted == found
