"""A router in the test's own process, with real sockets on both sides and a clock the test moves."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aether.core.dataplane.balance import Balancer
from aether.core.dataplane.table import Endpoint, RouteRow, SlicePolicy, Table
from aether.core.model.ids import NodeId
from aether.dataplane.context import Context
from aether.dataplane.downstream import ClientConnection
from aether.dataplane.limits import Limits
from aether.dataplane.pool import Pool
from aether.dataplane.routing import Listener, Routing
from aether.tasks import Tasks

SWEEP_S = 0.01


class RouterHere:
    """Listens on a port for clients and on one for peers."""

    def __init__(self, table: Table, limits: Limits | None = None) -> None:
        self.ahead_s = 0.0
        """How far the router's clock is ahead of the real one."""
        self.table = table
        made = limits or Limits()
        balancer = Balancer()
        balancer.configure(table.policies, table.instances, self.now())
        self.context = Context(
            routing=Routing(table),
            balancer=balancer,
            pool=Pool(made, self.now),
            limits=made,
            now=self.now,
            revision=lambda: table.revision,
        )
        self.public = ""
        self.mesh = ""

    def now(self) -> float:
        return time.monotonic() + self.ahead_s

    @property
    def in_flight(self) -> list[int]:
        """Requests under way, by endpoint."""
        return [self.context.balancer.in_flight(each) for each in self.table.instances]

    async def listen(self, listener: Listener) -> tuple[asyncio.AbstractServer, str]:
        server = await asyncio.get_running_loop().create_server(
            lambda: ClientConnection(self.context, listener), "127.0.0.1", 0
        )
        host, port = server.sockets[0].getsockname()[:2]
        return server, f"{host}:{port}"

    async def sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = self.now()
            for client in [each for each in self.context.clients if each.deadline <= now]:
                client.expire()


@asynccontextmanager
async def serving(
    routes: Sequence[RouteRow],
    endpoints: Sequence[Endpoint],
    *,
    policies: Sequence[SlicePolicy] = (),
    limits: Limits | None = None,
    node: str = "node-1",
) -> AsyncIterator[RouterHere]:
    table = Table(
        revision=1,
        node=NodeId(node),
        routes=tuple(routes),
        instances=tuple(endpoints),
        policies=tuple(policies),
    )
    router = RouterHere(table, limits)
    public, router.public = await router.listen(Listener.PUBLIC)
    mesh, router.mesh = await router.listen(Listener.MESH)
    tasks = Tasks()
    tasks.start("sweep", router.sweep())
    try:
        yield router
    finally:
        await tasks.stop()
        for server in (public, mesh):
            server.close()
        for client in list(router.context.clients):
            client.abort()
        await router.context.pool.close()
