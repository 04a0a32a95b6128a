"""What a run of the torture found, as figures and as lines for people."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.torture.oracle import Verdict


def listed(counts: Counter[str]) -> str:
    """Counts in a line, the largest first."""
    return ", ".join(f"{name} {n}" for name, n in counts.most_common()) or "none"


@dataclass
class Report:
    """The sums over all worlds of a run."""

    seed: int
    rounds: int = 0
    worlds: int = 0
    #: What was killed, and what the killed processes were at, as they noted it themselves.
    kills: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    routed: int = 0
    lost: list[str] = field(default_factory=list)
    #: Events that arrived again where the vendor has no key for them, and where it does.
    duplicates: Counter[str] = field(default_factory=Counter)
    #: How often the clock was set forward or back.
    jumps: int = 0
    readings: int = 0
    slowest_reading_seconds: float = 0.0
    settled_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        """A world was judged."""
        self.worlds += 1
        self.acknowledged += verdict.acknowledged
        self.routed += verdict.routed
        self.lost += verdict.lost
        self.duplicates.update(verdict.duplicates)
        self.problems += verdict.problems

    def lines(self) -> list[str]:
        """The report for people."""
        return [
            f"kill rounds   {self.rounds} in {self.worlds} worlds (seed {self.seed})",
            f"killed        {listed(self.kills)}",
            f"moments hit   {listed(self.moments)}",
            f"acknowledged  {self.acknowledged} events, {self.routed} in the ledger",
            f"lost          {len(self.lost)}",
            f"duplicates    {listed(self.duplicates)} (each under way when killed)",
            f"readings      {self.readings} beside the server, the slowest in "
            f"{self.slowest_reading_seconds:.2f} s",
            f"settled       at most {self.settled_seconds:.1f} s after the last round of a world",
            *_problems(self.problems),
        ]

    def power_lines(self) -> list[str]:
        """The report of a run of power cuts."""
        return [
            f"power cuts    {self.rounds} in {self.worlds} worlds (seed {self.seed})",
            f"moments hit   {listed(self.moments)}",
            f"acknowledged  {self.acknowledged} events, {self.routed} in the ledger",
            f"lost          {len(self.lost)}",
            f"duplicates    {listed(self.duplicates)} (each under way at a cut)",
            f"clock         set forward or back {self.jumps} times",
            *_problems(self.problems),
        ]


def _problems(problems: Iterable[str]) -> list[str]:
    return [f"PROBLEM       {problem}" for problem in problems]
