"""Gives back the node that load does not need any more: emptied, stopped, and taken out of the cluster.

Each step is a call of the management API of this node, which leads, so the same is refused as to a
person: a node whose loss would cost the quorum, instances below their budgets, the last voter. A step
that is refused is tried again later, as long as the node is not needed; whoever leads next finds the order
and goes on from there.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from aether.control.scaling_nodes import ACTOR, NodeScaling
from aether.errors import AetherError
from aether.ports import ApiRequest, ApiResponse, Clock

PERIOD_S = 1.0
RETRY_S = 10.0
"""Pause after a step that was refused: the node empties, stops, or the quorum is to grow first."""
_NOT_FOUND = 404
_log = structlog.get_logger()

Ask = Callable[[ApiRequest], Awaitable[ApiResponse]]


class Scaling(Protocol):
    """Who says which node is given back; `ScalingLoop` does."""

    @property
    def leads(self) -> bool:
        """Whether this node decides now."""
        ...

    @property
    def nodes(self) -> NodeScaling:
        """What load asks of the number of nodes."""
        ...


class GivingBack:
    """Runs on every node; acts only while this node leads."""

    def __init__(self, scaling: Scaling, ask: Ask, clock: Clock) -> None:
        self._scaling = scaling
        self._ask = ask
        self._clock = clock

    async def run(self) -> None:
        """Look once a period, until cancelled."""
        while True:
            done = await self.look()
            await self._clock.sleep(PERIOD_S if done else RETRY_S)

    async def look(self) -> bool:
        """Take the next step off the node that is given back; return whether it was taken."""
        nodes = self._scaling.nodes
        node = nodes.give_back if self._scaling.leads else None
        if node is None or nodes.next_step == "wait":
            return True
        if nodes.next_step == "remove":
            return await self._call("DELETE", f"/api/v1/nodes/{node}")
        if not await self._call("POST", f"/api/v1/nodes/{node}/shutdown"):
            return False
        _log.info("node given back", node=node, why=nodes.decision.text)
        return True

    async def _call(self, method: str, path: str) -> bool:
        try:
            answer = await self._ask(ApiRequest(method=method, path=path, actor=ACTOR))
        except AetherError as problem:
            _log.info("step of giving back failed", call=f"{method} {path}", why=problem.message)
            return False
        if answer.status < 300 or answer.status == _NOT_FOUND:
            return True
        _log.info(
            "step of giving back refused",
            call=f"{method} {path}",
            status=answer.status,
            why=answer.body[:300].decode(errors="replace"),
        )
        return False
