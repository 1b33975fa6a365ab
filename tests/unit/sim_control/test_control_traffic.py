"""Requests go where tables say, elsewhere when refused, and fail when nobody is left."""

import pytest

from aether.core.model.ids import NodeId
from aether_forge.sim.control.goods import MAIL
from aether_forge.sim.control.node import LatestTable
from aether_forge.sim.control.traffic import GRACE_S
from aether_forge.sim.control.world import World
from aether_forge.sim.loop import let_pass
from tests.unit.sim_control.small import in_a_world


def test_requests_are_served_tried_elsewhere_and_fail_at_last() -> None:
    async def story(world: World) -> None:
        await let_pass(2.0)
        assert world.traffic.served[MAIL] > 0
        failed = len(world.traffic.failed)
        for node in world.nodes.values():
            node.hosts.power_off()
            node.hosts.down = False
        await let_pass(0.3)
        assert len(world.traffic.failed) > failed
        assert world.traffic.failed[-1].why.startswith(("none of", "its table"))

    assert in_a_world(story).violations == []


def test_a_table_that_stands_still_is_found_once_it_lists_somebody_who_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(world: World) -> None:
        feed = world.nodes[NodeId("node-1")].feed
        stale = feed.table
        assert stale is not None
        monkeypatch.setattr(LatestTable, "publish", lambda *_: None)
        endpoint = next(one for one in stale.instances if one.slice == MAIL)
        world.nodes[endpoint.node].hosts.crash(endpoint.instance)
        phase = (endpoint.node, endpoint.instance)
        world.ledger.phases.pop(phase)
        await let_pass(GRACE_S / 2)
        world.ledger.phases.pop(phase, None)
        assert not world.violations
        for _ in range(8):
            world.ledger.phases.pop(phase, None)
            await let_pass(1.0)

    violations = in_a_world(story).violations
    assert any("table of node-1 still lists" in one for one in violations)
