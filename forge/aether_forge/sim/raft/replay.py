"""One seed told so that a person can follow it."""

from collections.abc import Iterator

from aether_forge.sim.raft.run import Verdict, run
from aether_forge.sim.raft.settings import Settings
from aether_forge.sim.raft.shrink import shrunk

_LAST = 80
"""Lines of a story told when not all are asked for."""


def replay(settings: Settings, *, everything: bool = False) -> tuple[Verdict, list[str]]:
    """Run a seed, make it smaller when it fails, and return what to tell."""
    verdict = run(settings)
    whole = len(verdict.faults)
    if verdict.violations:
        verdict = shrunk(settings)
    return verdict, list(_told(verdict, whole, everything=everything))


def _told(verdict: Verdict, whole: int, *, everything: bool) -> Iterator[str]:
    yield f"seed {verdict.seed}, {verdict.nodes} nodes, trace {verdict.digest}"
    yield f"{len(verdict.faults)} of its {whole} faults:"
    for fault in verdict.faults:
        yield f"  {fault}"
    lines = verdict.lines if everything else verdict.lines[-_LAST:]
    if len(lines) < len(verdict.lines):
        yield f"... {len(verdict.lines) - len(lines)} earlier lines; --all shows them"
    yield from (str(line) for line in lines)
    if not verdict.violations:
        yield f"no violation; at rest {verdict.rested_s:.2f} s after healing"
        return
    for violation in verdict.violations:
        yield f"violation {violation}"
