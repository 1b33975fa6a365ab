"""Many seeds on several processes: the corpus first, then a range; what failed, what was reached."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time

from aether_forge.sim.raft.corpus import lessons
from aether_forge.sim.raft.run import run
from aether_forge.sim.raft.settings import draw
from aether_forge.sim.raft.sometimes import missing
from aether_forge.sim.seeds import ENOUGH, TOLD, Seed, live_seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one seed, small enough to travel between processes."""

    seed: int
    nodes: int
    violations: tuple[str, ...]
    counts: Counter[str]
    digest: str
    rested_s: float
    cpu_s: float


@dataclass(slots=True)
class Report:
    """What came of a campaign."""

    seeds: int = 0
    failed: list[Outcome] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    rests: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    wall_s: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Take one seed in."""
        self.seeds += 1
        self.cpu_s += outcome.cpu_s
        self.counts.update(outcome.counts)
        if outcome.violations:
            self.failed.append(outcome)
        else:
            self.rests.append(outcome.rested_s)

    @property
    def missing(self) -> list[str]:
        """Rare states that were not reached, of a campaign that is long enough to."""
        return missing(self.counts) if self.seeds >= ENOUGH else []

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.failed and not self.missing

    def summary(self) -> Iterator[str]:
        """Return what to tell, line by line."""
        for outcome in sorted(self.failed, key=lambda one: one.seed)[:TOLD]:
            yield f"seed {outcome.seed} of {outcome.nodes} nodes: {outcome.violations[0]}"
            yield f"  aether-forge replay {outcome.seed} --nodes {outcome.nodes}"
        for name in self.missing:
            yield f"never reached: {name}"
        yield (
            f"{self.seeds} seeds, {len(self.failed)} with violations, "
            f"{self.cpu_s / max(1, self.seeds):.2f} CPU-s each, {self.wall_s:.0f} s"
        )
        if self.rests:
            yield f"at rest after healing: median {median(self.rests):.2f} s, most {max(self.rests):.2f} s"
        known, unknown = self.counts["operations known"], self.counts["operations unknown"]
        yield f"{known} operations with a known outcome, {unknown} without"


def live(seed: int, nodes: int | None) -> Outcome:
    """Run one seed."""
    begin = process_time()
    verdict = run(draw(seed, nodes))
    return Outcome(
        seed=seed,
        nodes=verdict.nodes,
        violations=tuple(verdict.violations),
        counts=verdict.counts,
        digest=verdict.digest,
        rested_s=verdict.rested_s,
        cpu_s=process_time() - begin,
    )


def campaign(
    seeds: Sequence[Seed], *, jobs: int, say: Callable[[str], None] = lambda _: None
) -> Report:
    """Run the corpus, then the seeds, on `jobs` processes; this one alone when that is 1."""
    every: list[Seed] = [(one.seed, one.nodes) for one in lessons()]
    every += seeds
    report = Report()
    begin = perf_counter()
    for outcome in live_seeds(live, every, jobs=jobs, say=say):
        report.add(outcome)
    report.wall_s = perf_counter() - begin
    return report
