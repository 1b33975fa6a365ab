"""Leaving out what is not needed."""

from collections.abc import Sequence

from aether_forge.sim.raft.shrink import smallest


def test_what_is_left_fails_and_nothing_of_it_can_go() -> None:
    tries = 0

    def fails(some: Sequence[int]) -> bool:
        nonlocal tries
        tries += 1
        return {3, 11} <= set(some)

    assert smallest(range(12), fails) == [3, 11]
    assert tries < 30


def test_what_fails_by_itself_needs_nothing() -> None:
    assert smallest(range(5), lambda _: True) == []
