"""Seeds lived one after the other or on several processes; what a campaign of either world has in common."""

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Protocol, TypeVar

Seed = tuple[int, int | None]
"""A seed and how many nodes it has; None for what it draws."""
ENOUGH = 300
"""Seeds from which on every rare state must have been reached."""
TOLD = 20
"""Most failed seeds a summary names."""
_BUNCH = 3
"""Seeds handed to a process at a time."""
_TOLD_EVERY = 50
_MADE_BETWEEN_COLLECTIONS = 50_000
"""Objects made between two looks for garbage; with Python's own 700, looking takes 3 % of a life."""


class Lived(Protocol):
    """What came of one seed, small enough to travel between processes."""

    @property
    def seed(self) -> int:
        """The seed."""
        ...

    @property
    def nodes(self) -> int:
        """How many nodes it had."""
        ...

    @property
    def violations(self) -> tuple[str, ...]:
        """What was not as promised."""
        ...

    @property
    def counts(self) -> Counter[str]:
        """Rare states by how often they were reached."""
        ...


_Outcome = TypeVar("_Outcome", bound=Lived)


def live_seeds(
    live: Callable[[int, int | None], _Outcome],
    seeds: Sequence[Seed],
    *,
    jobs: int,
    say: Callable[[str], None],
) -> Iterator[_Outcome]:
    """Yield what comes of every seed, as it comes; on this process alone when `jobs` is 1.

    `live` is a function of a module, so that other processes find it.
    """
    failed = told = 0
    for done, outcome in enumerate(_outcomes(live, seeds, jobs), start=1):
        yield outcome
        if outcome.violations:
            failed += 1
            say(f"seed {outcome.seed}: {outcome.violations[0].splitlines()[0]}")
        if done - told >= max(_TOLD_EVERY, len(seeds) // 50):
            told = done
            say(f"{done} of {len(seeds)} seeds, {failed} with violations")


def _outcomes(
    live: Callable[[int, int | None], _Outcome], seeds: Sequence[Seed], jobs: int
) -> Iterator[_Outcome]:
    if jobs == 1:
        yield from _live_all(live, seeds)
        return
    bunches = [seeds[at : at + _BUNCH] for at in range(0, len(seeds), _BUNCH)]
    spawn = get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_collect_seldom) as pool:
        for lived in as_completed([pool.submit(_live_list, live, bunch) for bunch in bunches]):
            yield from lived.result()


def _collect_seldom() -> None:
    """Look for garbage in cycles less often: a life makes little of it, and ends within seconds."""
    gc.freeze()
    gc.set_threshold(_MADE_BETWEEN_COLLECTIONS, 10, 10)


def _live_all(
    live: Callable[[int, int | None], _Outcome], seeds: Sequence[Seed]
) -> Iterator[_Outcome]:
    for seed, nodes in seeds:
        yield live(seed, nodes)


def _live_list(
    live: Callable[[int, int | None], _Outcome], seeds: Sequence[Seed]
) -> list[_Outcome]:
    return list(_live_all(live, seeds))
