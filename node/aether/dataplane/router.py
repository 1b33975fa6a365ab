"""The router: three listeners, one table, and the timers that keep both honest."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from aether.core.dataplane.balance import Balancer
from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane.context import Context
from aether.dataplane.downstream import ClientConnection
from aether.dataplane.limits import Limits
from aether.dataplane.observer import Observer
from aether.dataplane.pool import Pool
from aether.dataplane.routing import Listener, Routing
from aether.dataplane.table_client import TableClient
from aether.dataplane.table_file import read_table
from aether.tasks import Tasks

SWEEP_S = 0.1
BACKLOG = 1024

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a router listens and keeps its files; port 0 lets the system choose."""

    node: NodeId
    data_dir: Path
    bind: str
    port: int
    mesh_port: int

    @property
    def socket(self) -> Path:
        """Listener for the slice hosts of this node."""
        return self.data_dir / "run" / "router.sock"

    @property
    def table_link(self) -> Path:
        """Where the node hands out tables."""
        return self.data_dir / "run" / "router.sock.table"

    @property
    def table_file(self) -> Path:
        """The last good table."""
        return self.data_dir / "router" / "table.json"


class Router:
    """Serves until stopped, with or without a node."""

    def __init__(self, places: Places, limits: Limits | None = None) -> None:
        self._places = places
        self._limits = limits or Limits()
        self._tasks = Tasks(on_failure=_log_failure)
        self._servers: list[asyncio.AbstractServer] = []
        self._context: Context | None = None
        self._owns_socket = False

    async def start(self) -> None:
        """Read the saved table, listen, and begin to follow the node; raise OSError when a port is taken."""
        places, limits = self._places, self._limits
        table = read_table(places.table_file) or Table(revision=0, node=places.node)
        now = time.monotonic
        observer, balancer = Observer(), Balancer(zone=table.zone)
        balancer.configure(table.policies, table.instances, now())
        client = TableClient(places.table_link, places.table_file, self._swap, table, observer)
        self._context = Context(
            routing=Routing(table),
            balancer=balancer,
            pool=Pool(limits, now),
            limits=limits,
            now=now,
            revision=lambda: client.revision,
            observer=observer,
        )
        await self._listen(self._context)
        self._tasks.start("follow tables", client.run())
        self._tasks.start("sweep", self._sweep(self._context))
        log.info("router serves", revision=table.revision, **self._context.addresses)

    @property
    def addresses(self) -> dict[str, str]:
        """Where the listeners are: `public`, `mesh` and `local`."""
        return dict(self._context.addresses) if self._context else {}

    async def _listen(self, context: Context) -> None:
        """Open the TCP ports first: they tell a second router of this node that it is one too many."""
        places, loop = self._places, asyncio.get_running_loop()
        for name, port, listener in (
            ("public", places.port, Listener.PUBLIC),
            ("mesh", places.mesh_port, Listener.MESH),
        ):
            server = await loop.create_server(
                _factory(context, listener), places.bind, port, backlog=BACKLOG
            )
            self._servers.append(server)
            host, chosen = server.sockets[0].getsockname()[:2]
            context.addresses[name] = f"[{host}]:{chosen}" if ":" in host else f"{host}:{chosen}"
        places.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        places.socket.unlink(missing_ok=True)
        self._owns_socket = True
        self._servers.append(
            await loop.create_unix_server(
                _factory(context, Listener.LOCAL), str(places.socket), backlog=BACKLOG
            )
        )
        places.socket.chmod(0o600)
        context.addresses["local"] = str(places.socket)

    def _swap(self, table: Table) -> None:
        """Put a table to use; requests under way finish on the one they began with."""
        context = self._context
        if context is None:
            return
        context.routing = Routing(table, context.routing)
        context.balancer.zone = table.zone
        context.balancer.configure(table.policies, table.instances, context.now())
        context.pool.retain({endpoint.address for endpoint in table.instances})

    async def _sweep(self, context: Context) -> None:
        turn = 0
        while True:
            await asyncio.sleep(SWEEP_S)
            now = context.now()
            for client in [each for each in context.clients if each.deadline <= now]:
                client.expire()
            turn += 1
            if turn % 10 == 0:
                context.pool.sweep()

    async def stop(self) -> None:
        """Take no more connections, let requests in flight finish for a while, close the rest."""
        for server in self._servers:
            server.close()
        context = self._context
        if context is not None:
            context.draining = context.closing = True
            for client in list(context.clients):
                client.drain()
            await self._wait_drained(context)
            for client in list(context.clients):
                client.abort()
            await context.pool.close()
        await self._tasks.stop()
        if self._owns_socket:
            self._places.socket.unlink(missing_ok=True)
        log.info("router stopped")

    async def _wait_drained(self, context: Context) -> None:
        if not context.clients:
            return
        try:
            async with asyncio.timeout(self._limits.drain_s):
                await context.emptied.wait()
        except TimeoutError:
            log.warning("requests cut off at stop", clients=len(context.clients))


def _factory(context: Context, listener: Listener) -> Callable[[], ClientConnection]:
    return lambda: ClientConnection(context, listener)


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("router task failed", task=name, exc_info=failure)
