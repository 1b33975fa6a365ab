"""Seeds on one process or several: each is lived once, whatever fails, and it is told how far it is."""

from collections import Counter
from dataclasses import dataclass, field

import pytest

from aether_forge.sim.seeds import live_seeds


@dataclass(frozen=True, slots=True)
class Short:
    """A life that is over at once."""

    seed: int
    nodes: int
    violations: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)


def live(seed: int, nodes: int | None) -> Short:
    return Short(seed, nodes or 3, ("it broke\nin line 2",) if seed == 7 else ())


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_seed_is_lived_once_and_the_failed_are_told_of(jobs: int) -> None:
    said: list[str] = []
    seeds = [(seed, 5 if seed == 9 else None) for seed in range(1, 121)]
    lived = list(live_seeds(live, seeds, jobs=jobs, say=said.append))
    assert sorted((one.seed, one.nodes) for one in lived) == [
        (seed, 5 if seed == 9 else 3) for seed in range(1, 121)
    ]
    assert [one.seed for one in lived if one.violations] == [7]
    assert "seed 7: it broke" in said
    assert "100 of 120 seeds, 1 with violations" in said
