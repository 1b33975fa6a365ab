"""Each fault can be done to a group, which survives it."""

import pytest

from aether_forge.sim.raft.faults import DEEDS, carry_out
from aether_forge.sim.raft.nemesis import KINDS, Fault
from aether_forge.sim.raft.settings import draw
from aether_forge.sim.raft.world import World


def calm(seed: int = 5) -> World:
    world = World(draw(seed, 3))
    world.agenda.run_until(2.0)
    return world


def test_every_kind_of_fault_has_its_deed() -> None:
    assert set(DEEDS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_survives_each_fault_by_itself(kind: str) -> None:
    world = calm(8)
    for number, at_leader in enumerate((True, False)):
        carry_out(world, Fault(number, kind, world.agenda.now, 0.5, at_leader))
        world.agenda.run_until(world.agenda.now + 2.0)
    assert world.violations == []
