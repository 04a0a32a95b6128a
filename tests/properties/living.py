"""Lives through a case from beginning to judgement."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.properties.case import Case
from tests.properties.oracle import Oracle
from tests.properties.world import Tenancy
from tests.simulation.__main__ import memory


@dataclass
class Lived:
    """A case that was lived through, with what broke, if anything did."""

    case: Case
    trace: list[str]
    calls: int
    failure: Exception | None = None

    @property
    def events(self) -> int:
        return sum(len(sent.messages) for sent in self.case.sent)


def live(case: Case) -> Lived:
    """Live through a case."""
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        tenancy = Tenancy(case, Path(folder))
        lived = Lived(case, tenancy.trace, 0)
        try:
            tenancy.live_through()
            Oracle(tenancy).judge()
        except Exception as error:
            error.add_note(f"Replay with: make simulate STREAM={case.seed}")
            lived.failure = error
        finally:
            tenancy.close()
    lived.calls = tenancy.transport.calls
    return lived
