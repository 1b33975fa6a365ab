"""Clients note what they are told, and what they are not."""

from aether_forge.sim.raft.history import READ
from aether_forge.sim.raft.settings import draw
from aether_forge.sim.raft.workload import entries_of
from aether_forge.sim.raft.world import World


def world_of(request_ids: float) -> World:
    settings = draw(5, 3)
    settings.habits.request_ids = request_ids
    world = World(settings)
    world.agenda.run_until(1.5)
    return world


def test_what_clients_wrote_is_there() -> None:
    world = world_of(1.0)
    world.workload.over = True
    world.agenda.run_until(5.0)
    assert world.workload.idle
    leader = world.leader()
    assert leader is not None
    machine = world.nodes[leader].machine
    assert machine is not None
    written = {one.value for one in world.history.operations if one.kind != READ}
    assert set(entries_of(machine.inner).values()) <= written


def test_without_a_request_id_nothing_is_tried_again() -> None:
    world = world_of(0.0)
    for node in list(world.nodes):
        world.stop(node, power=False)
    under_way = [client.attempt for client in world.workload.clients]
    assert under_way == [None] * len(under_way)


def test_with_a_request_id_it_is_tried_until_it_is_known() -> None:
    world = world_of(1.0)
    nodes = list(world.nodes)
    world.agenda.run_until(2.0)
    for node in nodes:
        world.stop(node, power=False)
    tried = [client.attempt for client in world.workload.clients if client.attempt]
    for node in nodes:
        world.start(node)
    world.agenda.run_until(6.0)
    assert all(not one.operation.is_open for one in tried)
    assert world.workload.overdue() == []
