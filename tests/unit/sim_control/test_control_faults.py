"""Every fault strikes, counts that it did, and undoes itself."""

import pytest

from aether.core.model.ids import NodeId
from aether_forge.sim.control.faults import carry_out
from aether_forge.sim.control.nemesis import ACTS, FAULTS, Fault
from aether_forge.sim.control.world import World
from aether_forge.sim.loop import let_pass
from tests.unit.sim_control.small import in_a_world


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_strikes_and_everybody_is_well_afterwards(kind: str) -> None:
    before: dict[str, int] = {}

    async def story(world: World) -> None:
        before.update(world.counts)
        leader = world.quorum.leader
        await carry_out(world, Fault(1, kind, 0.0, 2.0, at_leader=True))
        if kind.endswith("at a write"):
            assert world.at_write is not None
            world.quorum.lead(next(name for name in world.nodes if name != leader))
        await let_pass(12.0)
        assert world.well() == list(world.nodes)
        assert world.at_write is None

    world = in_a_world(story)
    assert world.violations == []
    assert any("for 2.0 s" in str(line) or "crash" in str(line) for line in world.story.lines) or (
        sum(world.counts.values()) > sum(before.values())
    )


@pytest.mark.parametrize("kind", sorted(set(ACTS)))
def test_an_act_of_the_operator_is_counted(kind: str) -> None:
    async def story(world: World) -> None:
        await carry_out(world, Fault(1, kind, 0.0, 2.0, at_leader=False), NodeId("node-2"))
        await let_pass(1.0)

    world = in_a_world(story)
    assert world.counts[f"operator: {kind}"] == 1
    assert world.violations == []
