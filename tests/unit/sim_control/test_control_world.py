"""A simulated cluster is one of real managers: they register, lead, place, and serve requests."""

from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict
from aether_forge.sim.control.rest import unmet
from aether_forge.sim.control.world import World, node_names, seen_by
from tests.unit.sim_control.small import BOTH, in_a_world


def test_a_cluster_deploys_and_its_truth_is_what_each_machine_learns() -> None:
    async def story(world: World) -> None:
        assert not unmet(world.view(), BOTH)
        assert {one.verdict for one in world.ledger.verdicts.values()} == {Verdict.ON_DUTY}
        assert world.well() == node_names(3)
        views = [seen_by(world.nodes[name].machine) for name in world.nodes]
        assert max(view.revision for view in views) == world.view().revision

    world = in_a_world(story)
    assert world.violations == []
    assert world.counts["epoch begun"] >= 1
    assert world.counts["request served"] > 0
    assert any("place: LOAD" in str(line) for line in world.story.lines)


def test_a_task_of_the_world_that_raises_is_a_violation() -> None:
    async def broken() -> None:
        raise ValueError("as the test says")

    async def story(world: World) -> None:
        world.run("broken", broken())
        world.at_write = lambda: world.complain("struck")
        world.writes_to_pass = 1
        world.quorum.lead(NodeId("node-1"))
        world.quorum.lead(NodeId("node-2"))
        from aether_forge.sim.loop import let_pass

        await let_pass(3.0)

    world = in_a_world(story)
    assert "broken raised ValueError('as the test says')" in world.violations
