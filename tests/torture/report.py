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
    #: The moments that are looked for.
    named: frozenset[str] = frozenset()
    #: How often there was nobody to kill.
    misses: int = 0
    acknowledged: int = 0
    routed: int = 0
    lost: list[str] = field(default_factory=list)
    #: Events that had to fail or to wait somewhere, and did.
    undeliverable: int = 0
    #: Events that arrived again where the vendor has no key for them, and where it does.
    duplicates: Counter[str] = field(default_factory=Counter)
    #: How long before a kill the first of two copies came, at most.
    before_kill_seconds: float = 0.0
    #: How often the clock was set forward or back.
    jumps: int = 0
    #: How many syncs of the disk failed.
    failed_syncs: int = 0
    readings: int = 0
    slowest_reading_seconds: float = 0.0
    settled_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def not_hit(self) -> list[str]:
        """The moments that no kill hit."""
        return sorted(self.named - self.moments.keys())

    def add(self, verdict: Verdict, before_kill_seconds: float) -> None:
        """A world was judged."""
        self.worlds += 1
        self.acknowledged += verdict.acknowledged
        self.routed += verdict.routed
        self.lost += verdict.lost
        self.undeliverable += verdict.undeliverable
        self.duplicates.update(verdict.duplicates)
        self.before_kill_seconds = max(self.before_kill_seconds, before_kill_seconds)
        self.problems += verdict.problems

    def lines(self) -> list[str]:
        """The report for people."""
        return [
            f"kill rounds   {self.rounds} in {self.worlds} worlds (seed {self.seed})",
            f"killed        {listed(self.kills)}",
            f"moments hit   {listed(self.moments)}",
            f"never hit     {', '.join(self.not_hit) or 'none of those that are looked for'}",
            f"nobody there  {self.misses} times",
            *self._events(),
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
            *self._events(),
            f"clock         set forward or back {self.jumps} times; {self.failed_syncs} syncs failed",
            *_problems(self.problems),
        ]

    def _events(self) -> list[str]:
        return [
            f"acknowledged  {self.acknowledged} events, {self.routed} in the ledger, "
            f"{self.undeliverable} of them refused or without an e-mail",
            f"lost          {len(self.lost)}",
            f"duplicates    {listed(self.duplicates)} (each under way at a kill or cut, "
            f"at most {self.before_kill_seconds:.2f} s after it came)",
        ]


def _problems(problems: Iterable[str]) -> list[str]:
    return [f"PROBLEM       {problem}" for problem in problems]
