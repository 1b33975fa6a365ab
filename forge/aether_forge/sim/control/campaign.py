"""Many simulated clusters on several processes: the corpus first, then a range; what failed."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time

from aether_forge.sim.control.corpus import lessons
from aether_forge.sim.control.run import run
from aether_forge.sim.control.settings import draw
from aether_forge.sim.control.sometimes import missing
from aether_forge.sim.seeds import ENOUGH, TOLD, Seed, live_seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one seed, small enough to travel between processes."""

    seed: int
    nodes: int
    violations: tuple[str, ...]
    counts: Counter[str]
    digest: str
    met_s: float
    virtual_s: float
    cpu_s: float


@dataclass(slots=True)
class Report:
    """What came of a campaign."""

    outcomes: list[Outcome] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    wall_s: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Take one seed in."""
        self.outcomes.append(outcome)
        self.counts.update(outcome.counts)

    @property
    def failed(self) -> list[Outcome]:
        """Seeds with violations, sorted."""
        return sorted((one for one in self.outcomes if one.violations), key=lambda one: one.seed)

    @property
    def missing(self) -> list[str]:
        """Rare states that were not reached, of a campaign that is long enough to."""
        return missing(self.counts) if len(self.outcomes) >= ENOUGH else []

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.failed and not self.missing

    def summary(self) -> Iterator[str]:
        """Return what to tell, line by line."""
        for outcome in self.failed[:TOLD]:
            yield f"seed {outcome.seed} of {outcome.nodes} nodes: {outcome.violations[0].strip()}"
            yield f"  aether-forge replay --world control {outcome.seed} --nodes {outcome.nodes}"
        for name in self.missing:
            yield f"never reached: {name}"
        seeds = max(1, len(self.outcomes))
        cpu_s = sum(one.cpu_s for one in self.outcomes)
        virtual_s = sum(one.virtual_s for one in self.outcomes)
        yield (
            f"{len(self.outcomes)} seeds, {len(self.failed)} with violations, "
            f"{cpu_s / seeds:.2f} CPU-s and {virtual_s / seeds:.0f} virtual s each, {self.wall_s:.0f} s"
        )
        times = [one.met_s for one in self.outcomes if not one.violations]
        if times:
            yield (
                f"all targets met after the storm: median {median(times):.1f} s, "
                f"most {max(times):.1f} s"
            )


def live(seed: int, nodes: int | None) -> Outcome:
    """Run one seed."""
    begin = process_time()
    try:
        verdict = run(draw(seed, nodes))
    except Exception:  # noqa: BLE001 - the supervisor of all lives: one that fails is told of, the rest go on
        return _broken(seed, nodes, traceback.format_exc())
    return Outcome(
        seed=seed,
        nodes=verdict.nodes,
        violations=tuple(verdict.violations),
        counts=verdict.counts,
        digest=verdict.digest,
        met_s=verdict.met_s,
        virtual_s=verdict.virtual_s,
        cpu_s=process_time() - begin,
    )


def _broken(seed: int, nodes: int | None, trace: str) -> Outcome:
    return Outcome(
        seed=seed,
        nodes=nodes or draw(seed).nodes,
        violations=(f"the life broke off: {trace}",),
        counts=Counter(),
        digest="",
        met_s=-1.0,
        virtual_s=0.0,
        cpu_s=0.0,
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
