"""A simulated operator asks as the API does: some of it is rejected, some of it is lost."""

from random import Random

from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict
from aether_forge.sim.control import operator
from aether_forge.sim.control.goods import APP, POST, SHOP
from aether_forge.sim.control.world import World
from aether_forge.sim.loop import let_pass
from tests.unit.sim_control.small import in_a_world

N2 = NodeId("node-2")


def test_what_is_asked_for_is_written_once_and_what_cannot_be_is_rejected() -> None:
    async def story(world: World) -> None:
        assert await operator.change(world, "drain", operator.drain(N2))
        await let_pass(0.5)
        assert world.ledger.verdicts[N2].verdict in (Verdict.DRAINING, Verdict.DECOMMISSIONED)
        assert await operator.change(world, "again", operator.drain(N2))
        assert not await operator.change(world, "drain", operator.drain(NodeId("nobody")))
        assert await operator.change(world, "activate", operator.activate(N2))
        assert await operator.change(world, "delete", operator.delete(POST))
        await let_pass(0.5)
        assert list(world.ledger.blueprints) == [APP]

    world = in_a_world(story)
    assert world.counts["act rejected"] == 1
    assert world.violations == []


def test_without_a_quorum_nothing_surely_takes_effect() -> None:
    async def story(world: World) -> None:
        for name in list(world.nodes)[1:]:
            world.quorum.disconnect(name)
        assert not await operator.change(world, "drain", operator.drain(N2))

    assert "drain: no_quorum" in "\n".join(map(str, in_a_world(story).story.lines))


def test_the_dice_want_every_mode_and_strategy() -> None:
    specs = [spec for seed in range(60) for spec in operator.wanted(Random(seed), "1.1.0")]
    assert {spec.on_dependency_loss for spec in specs} == {"cascade", "degrade", "block"}
    assert {spec.placement.spread for spec in specs} == {"node", "zone"}
    assert {spec.artifact.version for spec in specs if spec.artifact.base == SHOP} == {"1.1.0"}
