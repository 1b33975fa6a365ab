"""A quiet afternoon: acts of the operator cost no request."""

import pytest

from aether.core.model.ids import NodeId
from aether_forge.sim.control.afternoon import afternoon
from aether_forge.sim.control.goods import SHOP
from aether_forge.sim.control.run import heal
from aether_forge.sim.control.traffic import Failed
from aether_forge.sim.control.world import World
from tests.unit.sim_control.small import in_a_world


def test_nothing_fails_on_a_quiet_afternoon() -> None:
    async def story(world: World) -> None:
        await heal(world)
        await afternoon(world)

    world = in_a_world(story)
    assert world.violations == []
    assert any("a quiet afternoon begins" in str(line) for line in world.story.lines)


def test_a_failed_request_of_the_afternoon_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        await heal(world)

        async def later() -> None:
            from aether_forge.sim.loop import let_pass

            await let_pass(5.0)
            world.traffic.failed.append(
                Failed(world.now(), NodeId("node-1"), SHOP, "as the test says")
            )

        world.run("fail", later())
        await afternoon(world)

    (violation,) = in_a_world(story).violations
    assert violation.startswith(f"in a quiet afternoon a request to {SHOP} through node-1 failed")
