"""A world without faults: a leader, answers, stops and starts."""

from aether_forge.sim.raft.run import unrest
from aether_forge.sim.raft.settings import draw
from aether_forge.sim.raft.world import World


def calm(seed: int = 5) -> World:
    world = World(draw(seed, 3))
    world.agenda.run_until(2.0)
    return world


def test_a_group_elects_a_leader_and_answers_its_clients() -> None:
    world = calm()
    assert world.leader() is not None
    assert len(world.running()) == 3
    assert sum(not one.is_open for one in world.history.operations) > 10
    assert world.violations == []
    assert world.turns.leaders


def test_a_killed_leader_is_succeeded_and_comes_back() -> None:
    world = calm()
    leader = world.leader()
    assert leader is not None
    world.stop(leader, power=True)
    assert world.condition(leader) == "down"
    world.agenda.run_until(5.0)
    assert world.leader() not in (None, leader)
    world.start(leader)
    world.workload.over = True
    world.agenda.run_until(8.0)
    assert unrest(world) == ""
    assert world.nodes[leader].life == 2
