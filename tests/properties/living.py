"""Lives through a case from beginning to judgement."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.properties.case import Case
from tests.properties.cs import oracle as cs_oracle
from tests.properties.cs import writer as cs_writer
from tests.properties.px import oracle as px_oracle
from tests.properties.px import writer as px_writer
from tests.properties.world import Tenancy
from tests.simulation.__main__ import memory


class World(NamedTuple):
    """Where the cases of a destination come from, and what must be true in the end."""

    write_case: Callable[[int], Case]
    judge: Callable[[Tenancy], None]


WORLDS = {
    "cs": World(cs_writer.write_case, cs_oracle.judge),
    "px": World(px_writer.write_case, px_oracle.judge),
}


@dataclass
class Lived:
    """A case that was lived through, with what broke, if anything did."""

    case: Case
    trace: list[str]
    calls: int
    failure: Exception | None = None

    @property
    def events(self) -> int:
        return len(self.case.messages)


def live(case: Case) -> Lived:
    """Live through a case."""
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        tenancy = Tenancy(case, Path(folder))
        lived = Lived(case, tenancy.trace, 0)
        try:
            tenancy.live_through()
            WORLDS[case.world].judge(tenancy)
        except Exception as error:
            error.add_note(f"Replay with: make simulate WORLD={case.world} STREAM={case.seed}")
            lived.failure = error
        finally:
            tenancy.close()
    lived.calls = tenancy.transport.calls
    return lived
