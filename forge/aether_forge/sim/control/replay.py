"""One simulated cluster told so that a person can follow it, with no more faults than it takes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from aether_forge.sim.control.run import Verdict, planned, run
from aether_forge.sim.control.settings import Settings
from aether_forge.sim.raft.shrink import smallest

_LAST = 120
"""Lines of a story told when not all are asked for."""


def replay(settings: Settings, *, everything: bool = False) -> tuple[Verdict, list[str]]:
    """Run a seed, make it smaller when it fails, and return what to tell."""
    verdict = run(settings)
    whole = len(verdict.faults)
    if verdict.violations:
        verdict = shrunk(settings)
    return verdict, list(told(verdict, whole, everything=everything))


def shrunk(settings: Settings) -> Verdict:
    """Return the verdict of a violating seed with no more faults and acts than it needs."""

    def fails(some: Sequence[int]) -> bool:
        return bool(run(replace(settings, faults=some)).violations)

    numbers = [fault.number for fault in planned(settings)]
    return run(replace(settings, faults=smallest(numbers, fails)))


def told(verdict: Verdict, whole: int, *, everything: bool) -> Iterator[str]:
    """Return the story of a verdict, line by line."""
    yield f"seed {verdict.seed}, {verdict.nodes} nodes, trace {verdict.digest}"
    yield f"{len(verdict.faults)} of its {whole} faults and acts:"
    for fault in verdict.faults:
        yield f"  {fault}"
    lines = verdict.lines if everything else verdict.lines[-_LAST:]
    if len(lines) < len(verdict.lines):
        yield f"... {len(verdict.lines) - len(lines)} earlier lines; --all shows them"
    yield from (str(line) for line in lines)
    if not verdict.violations:
        yield f"no violation; all targets met {verdict.met_s:.2f} s after the storm"
        return
    for violation in verdict.violations:
        yield f"violation: {violation}"
