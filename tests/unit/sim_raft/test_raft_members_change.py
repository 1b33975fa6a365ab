"""An operator asks until it is done, and is careful with disks."""

import random

from aether.core.model.ids import NodeId
from aether.core.raft.values import Remove
from aether_forge.sim.raft.members_change import Operator, add, replace
from aether_forge.sim.raft.nemesis import Fault
from aether_forge.sim.raft.settings import draw
from aether_forge.sim.raft.world import World

FAULT = Fault(0, "add", 2.0, 0.5, at_leader=False)


def calm() -> World:
    world = World(draw(5, 3))
    world.agenda.run_until(2.0)
    return world


def test_a_new_machine_becomes_a_voter() -> None:
    world = calm()
    add(world, FAULT, random.Random(1))
    assert world.operators == 1
    world.agenda.run_until(6.0)
    assert NodeId("n4") in world.voters()
    assert world.operators == 0
    assert (world.counts["member added"], world.counts["member promoted"]) == (1, 1)


def test_a_member_that_lost_its_disk_is_replaced() -> None:
    world = calm()
    replace(world, FAULT, random.Random(1))
    world.agenda.run_until(8.0)
    assert world.counts["wiped member replaced"] == 1
    assert len(world.voters()) == 3
    assert world.violations == []


def test_nobody_is_removed_while_those_who_stay_are_not_well() -> None:
    world = calm()
    first, second, _ = world.nodes
    world.stop(first, power=False)
    done: list[str] = []
    operator = Operator(world, random.Random(1))
    operator.change(Remove(second), lambda: done.append("removed"), lambda: done.append("failed"))
    world.agenda.run_until(12.0)
    assert done == ["failed"]
    assert len(world.voters()) == 3
