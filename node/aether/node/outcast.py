"""Tells a node that hears of no leader whether it was removed from its cluster while it was away.

Its store cannot know: whoever is taken out is not told. Any member that answers can say who takes part.
One that lags may be wrong, so the node says what it heard and goes on trying.
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from aether.core.agent.formation_state import Formed
from aether.core.model.ids import NodeId
from aether.errors import AetherError
from aether.ports import Clock

_log = structlog.get_logger()

PERIOD_S = 3.0
"""Between two looks; an election takes less."""


class Outcast:
    """What the members say of this node while it hears of no leader."""

    def __init__(
        self,
        node: NodeId,
        cluster_id: str,
        addresses: Sequence[str],
        leader: Callable[[], NodeId | None],
        ask: Callable[[str], Awaitable[Formed | None]],
        clock: Clock,
    ) -> None:
        self._node = node
        self._cluster_id = cluster_id
        self._addresses = tuple(addresses)
        self._leader = leader
        self._ask = ask
        self._clock = clock
        self._told = ""

    def __call__(self) -> str:
        """Return why the node seems to be removed; empty when nobody says so."""
        return self._told if self._leader() is None else ""

    async def run(self) -> None:
        """Ask whenever no leader has been known for a whole period, until cancelled."""
        while True:
            missed = self._leader() is None
            await self._clock.sleep(PERIOD_S)
            if missed and self._leader() is None:
                await self.look()
            else:
                self._told = ""

    async def look(self) -> None:
        """Ask the members one after the other until one answers for this cluster."""
        for address in self._addresses:
            try:
                formed = await self._ask(address)
            except AetherError as problem:
                _log.debug("member not asked", address=address, problem=problem.message)
                continue
            if formed is None or formed.cluster_id != self._cluster_id:
                continue
            self._note(address, formed)
            return

    def _note(self, address: str, formed: Formed) -> None:
        before = self._told
        self._told = ""
        if not formed.has(self._node):
            members = ", ".join(member.node for member in formed.members)
            self._told = (
                f"{self._node} is no member of its cluster any more: {address} says that {members} are. "
                "If it was removed, stop it and start it with an empty data_dir to have it join anew"
            )
        if self._told and self._told != before:
            _log.error("removed from the cluster", problem=self._told)
