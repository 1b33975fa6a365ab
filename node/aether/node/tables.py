"""Keeps the routers of this node on the latest routing table."""

from typing import Protocol

import structlog

from aether.core.dataplane.compile import TableCompiler
from aether.core.dataplane.table import Table
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.errors import AetherError
from aether.ports import Clock, Store
from aether.store.look import Look
from aether.tasks import Tasks
from aether.wakeups import Wakeups

_log = structlog.get_logger()

_PREFIXES = (
    keys.NODES,
    keys.VERDICTS,
    keys.PHASES,
    keys.ROUTES,
    keys.TARGETS,
    keys.TRAFFIC,
)
_PERIOD_S = 1.0


class Feed(Protocol):
    """Takes tables to the routers of this node; `dataplane.feed.TableFeed` is one."""

    def publish(self, table: Table) -> None:
        """Make `table` the present one."""
        ...

    @property
    def confirmed(self) -> int | None:
        """Revision every router has reached; None without a router, -1 before its first table."""
        ...


class Edges(Protocol):
    """Takes tables to proxies that are not ours; `dataplane.edges.Edges` is one."""

    def publish(self, table: Table) -> None:
        """Make `table` the present one."""
        ...

    @property
    def confirmed(self) -> int:
        """Revision every proxy has reached that can be told; -1 before the first table."""
        ...

    async def run(self) -> None:
        """Tell until cancelled."""
        ...


class TablePublisher:
    """Compiles the table from this node's copy of the store whenever that changes.

    No leader and no quorum is needed: a node that is cut off serves what it last knew.
    """

    def __init__(
        self, node: NodeId, store: Store, feed: Feed, clock: Clock, edges: Edges | None = None
    ) -> None:
        self._store = store
        self._feed = feed
        self._edges = edges
        self._wakeups = Wakeups(clock, _PERIOD_S)
        self._look = Look(store, _PREFIXES)
        self._compiler = TableCompiler(node)
        self._table: Table | None = None

    async def run(self) -> None:
        """Publish until cancelled; begins once the store has caught up with our start."""
        await self._catch_up()
        tasks = Tasks()
        tasks.start("table-watch", self._wakeups.follow(self._store, _PREFIXES))
        if self._edges is not None:
            tasks.start("edges", self._edges.run())
        try:
            while True:
                self._publish(self._compiled())
                await self._wakeups.wait()
        finally:
            await tasks.stop()

    @property
    def confirmed(self) -> int | None:
        """Revision every router has reached, and every proxy at the edge; None without a router."""
        reached = self._feed.confirmed
        if reached is None or self._edges is None:
            return reached
        return min(reached, self._edges.confirmed)

    def _publish(self, table: Table) -> None:
        self._feed.publish(table)
        if self._edges is not None:
            self._edges.publish(table)

    def _compiled(self) -> Table:
        """Return the table of this node's copy; the one before while the copy stands still."""
        if self._table is None or self._table.revision != self._store.revision:
            self._table = self._compiler.compile(self._look.view())
        return self._table

    async def _catch_up(self) -> None:
        """Wait for a read through the quorum; meanwhile routers serve from their last table."""
        while True:
            try:
                await self._store.get(keys.EPOCH)
            except AetherError as problem:
                _log.info("tables wait for the store", error=problem.message)
                await self._wakeups.wait()
            else:
                return
