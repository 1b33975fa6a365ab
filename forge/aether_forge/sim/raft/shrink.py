"""Which of a run's faults it takes to go wrong."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from aether_forge.sim.raft.run import Verdict, run
from aether_forge.sim.raft.settings import Settings, planned


def smallest(numbers: Sequence[int], fails: Callable[[Sequence[int]], bool]) -> list[int]:
    """Return a part of `numbers` that fails and of which no one can be left out.

    `fails(numbers)` is taken to be true. Larger parts are tried first.
    """
    kept = list(numbers)
    size = len(kept) // 2
    while size:
        position = 0
        while position < len(kept):
            rest = kept[:position] + kept[position + size :]
            if fails(rest):
                kept = rest
            else:
                position += size
        size //= 2
    return kept


def shrunk(settings: Settings) -> Verdict:
    """Return the verdict of a violating seed with no more faults than it needs."""
    numbers = [fault.number for fault in planned(settings)]

    def fails(some: Sequence[int]) -> bool:
        return bool(run(replace(settings, faults=some)).violations)

    return run(replace(settings, faults=smallest(numbers, fails)))
