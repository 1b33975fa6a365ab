"""What is broken inside is told at the turn it breaks."""

from aether.core.model.ids import NodeId
from aether_forge.sim.raft.invariants import Invariants, inside
from aether_forge.sim.raft.settings import draw
from aether_forge.sim.raft.world import World


def test_what_a_majority_does_not_hold_may_not_be_applied() -> None:
    world = World(draw(5, 3))
    world.agenda.run_until(2.0)
    leader = world.leader()
    assert leader is not None
    member = world.nodes[leader]
    assert member.replica is not None
    told: list[str] = []
    rules = Invariants(told.append, world.nodes)
    rules.applied(member, member.replica)
    assert told == []
    for node in world.nodes:
        replica = world.nodes[NodeId(node)].replica
        assert replica is not None
        if node != leader:
            replica._durability.durable = 0
    rules = Invariants(told.append, world.nodes)
    rules.applied(member, member.replica)
    assert f"on the disks of ['{leader}'] only" in told[0]


def test_a_leader_that_lacks_what_was_committed_is_told() -> None:
    world = World(draw(5, 3))
    world.agenda.run_until(2.0)
    leader = world.leader()
    assert leader is not None
    member = world.nodes[leader]
    assert member.replica is not None
    view = inside(member.replica)
    told: list[str] = []
    rules = Invariants(told.append, world.nodes)
    rules._newest = (view.commit + 50, member.replica.term - 1)
    rules.led(member, member.replica)
    assert "without the committed entry" in told[0]
