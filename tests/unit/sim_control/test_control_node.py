"""Machines: lives of the node end and begin, hosts and the store's copy outlive them."""

import pytest

from aether.core.dataplane.table import Endpoint, Table
from aether.core.model.ids import InstanceId, NodeId
from aether_forge.sim.control.goods import SHOP
from aether_forge.sim.control.node import LatestTable
from aether_forge.sim.control.world import World
from aether_forge.sim.loop import let_pass
from tests.unit.sim_control.small import in_a_world

N2 = NodeId("node-2")


def test_a_killed_process_leaves_its_hosts_and_a_power_cut_leaves_none() -> None:
    async def story(world: World) -> None:
        node = world.nodes[N2]
        hosted = dict(node.hosts.live)
        assert hosted
        await node.kill()
        assert not node.runs
        assert world.quorum.is_connected(N2)
        assert dict(node.hosts.live) == hosted
        world.start(N2)
        await let_pass(5.0)
        assert dict(node.hosts.live) == hosted
        assert node.lives == 2
        await node.lose_power()
        assert not node.hosts.live
        assert not world.quorum.is_connected(N2)
        assert node.machine.revision > 0

    assert in_a_world(story).violations == []


def test_a_frozen_process_stands_still() -> None:
    async def story(world: World) -> None:
        node = world.nodes[N2]
        node.owner.freeze()
        assert not world.is_well(N2)
        await let_pass(12.0)
        assert world.ledger.verdicts[N2].verdict == "LOST"
        node.owner.thaw()
        await let_pass(5.0)
        assert world.ledger.verdicts[N2].verdict == "ON_DUTY"
        assert node.lives == 1

    assert in_a_world(story).violations == []


def test_a_table_that_contradicts_itself_is_refused() -> None:
    feed = LatestTable()
    assert feed.confirmed == -1
    feed.publish(Table(revision=4, node=N2))
    assert feed.confirmed == 4
    nowhere = Endpoint(instance=InstanceId(f"{SHOP}:1.0.0/0"), slice=SHOP, node=N2)
    with pytest.raises(ValueError, match="needs either a socket or a mesh address"):
        feed.publish(Table(revision=5, node=N2, instances=(nowhere,)))
    assert feed.confirmed == 4
