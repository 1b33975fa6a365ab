"""Requests through every router's table: what a client would notice of all the moving.

A refused connection is tried again on another endpoint of the same table, as the router does; a
request fails when no endpoint is left.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aether.core.dataplane.table import Endpoint, RouteRow, Table
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.view import Placed
from aether_forge.sim.loop import let_pass

if TYPE_CHECKING:
    from aether_forge.sim.control.world import World

GRACE_S = 4.0
"""Longest time until the table of a router that is well shows a fact: the publisher looks once a
second, and copies of the store lag behind."""


@dataclass(slots=True)
class Failed:
    """A request nobody answered."""

    at: float
    node: NodeId
    slice: SliceBase
    why: str


@dataclass(frozen=True, slots=True)
class _Served:
    """The slices of one table, sorted, and the endpoints of each; also those without any."""

    routes: tuple[RouteRow, ...]
    instances: tuple[Endpoint, ...]
    by_slice: Sequence[tuple[SliceBase, Sequence[Endpoint]]]

    def is_of(self, table: Table) -> bool:
        """Whether a table says the very same, as one of a later revision often does."""
        return self.routes is table.routes and self.instances is table.instances


def _served_by(table: Table) -> _Served:
    by_slice: dict[SliceBase, list[Endpoint]] = {row.slice: [] for row in table.routes}
    for endpoint in table.instances:
        by_slice.setdefault(endpoint.slice, []).append(endpoint)
    return _Served(table.routes, table.instances, sorted(by_slice.items()))


@dataclass(slots=True)
class Traffic:
    """Sends a request to every slice through every router, again and again."""

    world: "World"
    failed: list[Failed] = field(default_factory=list)
    served: Counter[SliceBase] = field(default_factory=Counter)
    _turn: int = 0
    _ended: dict[Placed, float] = field(default_factory=dict)
    """Instances in tables that are over, and since when that is so."""
    _unwell: dict[NodeId, float] = field(default_factory=dict)
    """When each router's machine was last not well."""
    _known: dict[NodeId, "_Served"] = field(default_factory=dict)
    """What each router's table says."""

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await let_pass(self.world.settings.traffic_s)
            self._turn += 1
            self._note_ended()
            for name in self.world.nodes:
                table = self.world.nodes[name].feed.table
                if not self._is_well(name):
                    self._unwell[name] = self.world.now()
                if table is not None and self.world.nodes[name].runs:
                    self._send_all(name, table)

    def _is_well(self, name: NodeId) -> bool:
        """Whether a router is told of every change; not before a read came back that may be lost."""
        weather, feed = self.world.quorum.weather, self.world.nodes[name].feed
        waits = bool(weather.loses_answer) and not feed.is_fresh
        return self.world.is_well(name) and not waits

    def _note_ended(self) -> None:
        """Remember since when an instance is not ACTIVE any more, for those that once were."""
        ledger, now = self.world.ledger, self.world.now()
        for placed in list(self._ended):
            phase = ledger.phases.get(placed)
            if phase is not None and phase.state is Phase.ACTIVE:
                del self._ended[placed]
        listed = {
            (endpoint.node, endpoint.instance): None
            for node in self.world.nodes.values()
            for endpoint in (node.feed.table.instances if node.feed.table is not None else ())
        }
        for placed in listed:
            phase = ledger.phases.get(placed)
            if phase is None or phase.state is not Phase.ACTIVE:
                self._ended.setdefault(placed, now)
        self._ended = {placed: at for placed, at in self._ended.items() if placed in listed}

    def _send_all(self, name: NodeId, table: Table) -> None:
        known = self._known.get(name)
        if known is None or not known.is_of(table):
            known = self._known[name] = _served_by(table)
        for base, endpoints in known.by_slice:
            self._check(name, endpoints)
            self._send(name, base, endpoints)

    def _check(self, name: NodeId, endpoints: Sequence[Endpoint]) -> None:
        """Complain of a router that has been well for a while and lists an instance that is over."""
        if not self._ended:
            return
        now = self.world.now()
        if now - self._unwell.get(name, 0.0) < GRACE_S:
            return
        for endpoint in endpoints:
            ended = self._ended.get((endpoint.node, endpoint.instance), now)
            if now - ended > GRACE_S:
                self.world.complain(
                    f"the table of {name} still lists {endpoint.instance} on {endpoint.node}, "
                    f"which is not ACTIVE for {now - ended:.1f} s"
                )

    def _send(self, name: NodeId, base: SliceBase, endpoints: Sequence[Endpoint]) -> None:
        if not endpoints:
            self._fail(name, base, "its table has no endpoint")
            return
        first, now = self._turn % len(endpoints), self.world.now()
        for tried, endpoint in enumerate((*endpoints[first:], *endpoints[:first])):
            if self._answers(name, endpoint, now):
                self.served[base] += 1
                self.world.counts["request served"] += 1
                self.world.counts["request tried elsewhere"] += tried > 0
                return
        self._fail(name, base, f"none of {len(endpoints)} endpoints answers")

    def _answers(self, name: NodeId, endpoint: Endpoint, now: float) -> bool:
        world, home = self.world, endpoint.node
        if home not in world.nodes or not world.links.passes(name, home):
            return False
        return world.nodes[home].hosts.takes_requests(endpoint.instance, now)

    def _fail(self, name: NodeId, base: SliceBase, why: str) -> None:
        self.world.counts["request failed"] += 1
        self.failed.append(Failed(self.world.now(), name, base, why))
