"""A small world that is deployed and calm, for tests of what happens in it."""

from collections.abc import Awaitable, Callable

from aether_forge.sim.control.goods import APP, POST
from aether_forge.sim.control.hosts import HostHabits
from aether_forge.sim.control.rest import wait_met
from aether_forge.sim.control.run import begin, silence
from aether_forge.sim.control.settings import Settings
from aether_forge.sim.control.world import World
from aether_forge.sim.owners import run_owned

BOTH = (APP, POST)


def settings(seed: int = 1, nodes: int = 3) -> Settings:
    return Settings(seed=seed, nodes=nodes, hosts=HostHabits(slowest_step_s=0.3))


def in_a_world(story: Callable[[World], Awaitable[None]], nodes: int = 3) -> World:
    """Deploy both blueprints on that many nodes, live `story`, stop, and return what it was."""

    async def life() -> World:
        world = World(settings(nodes=nodes))
        try:
            await begin(world)
            await wait_met(world, BOTH, 60.0)
            await story(world)
        finally:
            await world.stop()
        return world

    with silence():
        return run_owned(life())
