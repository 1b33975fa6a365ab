"""A provider of nodes: machines that come up after a while, or cannot be had.

What it is asked for it does whoever asked, and one name becomes one machine.
"""

import asyncio
import random
from typing import TYPE_CHECKING

from aether.core.model.ids import NodeId
from aether.errors import Unavailable
from aether_forge.sim.owners import of_nobody

if TYPE_CHECKING:
    from aether_forge.sim.control.world import World

SLOWEST_BOOT_S = 8.0
FAILS = 0.3
"""Chance that no machine is free for the moment."""


class SimulatedProvider:
    """`ports.NodeProvider` of a simulated cluster."""

    def __init__(self, world: "World", dice: random.Random) -> None:
        self._world = world
        self._dice = dice
        self._booting: set[NodeId] = set()

    async def provide(self, node: NodeId) -> None:
        """Have a machine of this name come up, if there is none."""
        await asyncio.sleep(self._dice.uniform(0.01, 0.5))
        if node in self._world.nodes or node in self._booting:
            return
        if self._dice.random() < FAILS:
            self._world.counts["no machine was free"] += 1
            raise Unavailable("no machine is free")
        self._booting.add(node)
        pause = self._dice.uniform(0.5, SLOWEST_BOOT_S)
        loop = asyncio.get_running_loop()
        loop.call_later(pause, self._world.add, node, context=of_nobody())
