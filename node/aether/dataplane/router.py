"""One router process: its listeners, one table, and the timers that keep both honest."""

import asyncio
import os
import secrets
import socket
import time

import structlog

from aether.config.version import aether_version
from aether.core.dataplane.balance import Balancer
from aether.core.dataplane.route_counts import route_key
from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane import drain
from aether.dataplane.access_log import AccessLog
from aether.dataplane.context import Context
from aether.dataplane.control_socket import ControlSocket
from aether.dataplane.handover import Offer
from aether.dataplane.limits import Limits
from aether.dataplane.listeners import LOCAL, Listening, Places, open_listeners
from aether.dataplane.neighbours import Neighbours, join
from aether.dataplane.observer import Observer
from aether.dataplane.pool import Pool
from aether.dataplane.routing import Routing
from aether.dataplane.serving import Serving
from aether.dataplane.settings import RouterSettings, digest
from aether.dataplane.table_client import TableClient
from aether.dataplane.table_file import read_table
from aether.dataplane.tracing import Tracing
from aether.logs.process import ProcessLogs
from aether.tasks import Tasks
from aether.write_batch import WriteBatch

SWEEP_S = 0.1
CATCH_UP_S = 2.0
"""Longest wait for the table of the process that is replaced; without a node the saved one counts."""
_CATCH_UP_STEP_S = 0.01

log = structlog.get_logger()


class Router:
    """Serves until stopped or replaced, with or without a node."""

    def __init__(
        self,
        places: Places,
        settings: RouterSettings,
        limits: Limits | None = None,
        logs: ProcessLogs | None = None,
    ) -> None:
        """Take `logs` where the router is all of its process: the node says what it logs."""
        self._places = places
        self._settings = settings
        self._limits = limits or Limits()
        self._logs = logs
        self._tasks = Tasks(on_failure=_log_failure)
        self._serving: Serving | None = None
        self._context: Context | None = None
        self._client: TableClient | None = None
        self._listening = Listening()
        self._control = ControlSocket(places.control, self)
        self._neighbours: Neighbours | None = None
        self.replaced = asyncio.Event()
        """Set once another process accepts what came here before."""

    async def start(self) -> None:
        """Come by the listening sockets, read the table, and serve.

        Raises OSError when a port is taken by something else than the process this one replaces,
        BadCertificate when a certificate cannot be used.
        """
        places, limits = self._places, self._limits
        self._serving = serving = await asyncio.to_thread(Serving, self._settings)
        self._listening = await asyncio.to_thread(
            open_listeners,
            places,
            self._settings.bind,
            (self._settings.port, self._settings.mesh_port),
        )
        table = read_table(places.table_file) or Table(revision=0, node=NodeId(self._settings.node))
        now = time.monotonic
        observer = Observer()
        # Routers in step with each other would all meet a small share at the same request.
        seed = secrets.randbits(64)
        balancer = Balancer(seed=seed, zone=table.zone, workers=places.workers)
        writes = WriteBatch(asyncio.get_running_loop().call_soon)
        balancer.configure(table.policies, table.instances, now())
        tracing = Tracing(now)
        tracing.node, tracing.process = table.node, f"router {places.worker}"
        self._client = client = TableClient(
            places.table_link,
            places.table_file,
            self._swap,
            table,
            observer,
            tracing,
            logs=self._logs,
        )
        self._context = context = Context(
            routing=Routing(table),
            balancer=balancer,
            pool=Pool(limits, now, serving.mesh, writes),
            writes=writes,
            limits=limits,
            now=now,
            revision=lambda: client.revision,
            observer=observer,
            tracing=tracing,
            addresses=self._listening.addresses,
            details=self._details(),
        )
        if self._settings.access_log is not None:
            context.access_log = AccessLog(places.access_log, self._settings.access_log, now)
            context.access_log.start()
        self._neighbours = join(context, places.data_dir, places.worker, places.workers)
        if self._neighbours is not None:
            self._tasks.start("look at neighbours", self._neighbours.run(now))
        self._tasks.start("follow tables", client.run())
        self._tasks.start("sweep", self._sweep(context))
        if self._listening.offer is not None:
            await self._catch_up(client, self._listening.offer)
        self._know_peers(table)
        await serving.start(context, self._listening.sockets)
        log.info("router serves", revision=client.revision, **self._context.addresses)

    async def relieve(self) -> None:
        """Tell the process this one replaces that it is; then be the one who is asked."""
        offer, self._listening.offer = self._listening.offer, None
        if offer is not None:
            try:
                await asyncio.to_thread(offer.finish)
            except OSError as problem:
                # It is gone, or will notice that the link is: both serve the same sockets till then.
                log.warning("the replaced router is silent", pid=offer.pid, problem=str(problem))
            finally:
                offer.close()
        self._control.start()

    @property
    def addresses(self) -> dict[str, str]:
        """Where the listeners are: `public`, `mesh` and `local`."""
        return dict(self._context.addresses) if self._context else {}

    # -- what the control socket tells and does

    @property
    def listening(self) -> Listening:
        """See Holder."""
        return self._listening

    @property
    def revision(self) -> int:
        """See Holder."""
        return self._context.revision() if self._context else -1

    def health(self) -> dict[str, object]:
        """See Holder."""
        if self._context is None or self._serving is None:
            return {"status": "starting"}
        known = {} if self._neighbours is None else {"neighbours": self._neighbours.count}
        return {**self._context.health(), **self._serving.health(), **known}

    def hand_over(self) -> None:
        """See Holder."""
        self._close_listeners()
        self.replaced.set()

    # -- serving

    def _details(self) -> dict[str, object]:
        return {
            "pid": os.getpid(),
            "worker": self._places.worker,
            "workers": self._places.workers,
            "version": aether_version(),
            "settings": digest(self._settings),
            **(self._serving.health() if self._serving else {}),
        }

    async def _catch_up(self, client: TableClient, offer: Offer) -> None:
        """Wait for the table the replaced process uses, so that nothing is answered from an older one."""
        try:
            async with asyncio.timeout(CATCH_UP_S):
                while client.revision < offer.revision:  # noqa: ASYNC110 - tables come over a socket, and ring no bell
                    await asyncio.sleep(_CATCH_UP_STEP_S)
        except TimeoutError:
            log.info("serves from the saved table", revision=client.revision, of=offer.revision)

    def _close_listeners(self) -> None:
        if self._serving is not None:
            self._serving.close()
        self._listening.close()

    def _swap(self, table: Table) -> None:
        """Put a table to use; requests under way finish on the one they began with."""
        context = self._context
        if context is None:
            return
        context.routing = Routing(table, context.routing)
        context.balancer.zone = table.zone
        context.balancer.configure(table.policies, table.instances, context.now())
        context.rates.retain(
            {
                route_key(row.method, row.host, row.pattern, row.slice)
                for row in table.routes
                if row.rate
            }
        )
        context.pool.retain({endpoint.address for endpoint in table.instances})
        self._know_peers(table)

    def _know_peers(self, table: Table) -> None:
        if self._serving is not None:
            self._serving.know(table)

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
                await self._look_after_certificates(context)

    async def _look_after_certificates(self, context: Context) -> None:
        serving = self._serving
        if serving is not None and serving.has_tls:
            await asyncio.to_thread(serving.refresh)
            context.details.update(serving.health())

    # -- ending

    async def finish(self) -> None:
        """Answer what clients still ask after another process has taken over, within bounds."""
        if self._context is not None:
            await drain.finish(self._context, self._settings.handover_s)

    async def stop(self) -> None:
        """Take no more connections, let requests in flight finish for a while, close the rest."""
        await self._control.stop()
        if not self.replaced.is_set():
            self._remove_local_socket()
        if self._listening.offer is not None:
            self._listening.offer.close()  # we never came to serve: it goes on as before
        self._close_listeners()
        if self._context is not None:
            await drain.drain(self._context, self._limits.drain_s)
            await self._context.pool.close()
            if self._context.access_log is not None:
                await asyncio.to_thread(self._context.access_log.close)
        if self._serving is not None:
            await self._serving.stop()
        await self._end_link()
        await self._tasks.stop()
        if self._neighbours is not None:
            self._neighbours.close()
        if self._logs is not None:
            self._logs.close()

    async def _end_link(self) -> None:
        """Say the last to the node: nothing that is logged later reaches it."""
        log.info("router stopped")
        if self._client is not None:
            await self._client.tell_last_lines()

    def _remove_local_socket(self) -> None:
        """Take the local socket's file away, unless other processes listen behind it."""
        listening, path = self._listening, self._places.socket
        if listening.offer is not None or LOCAL not in listening.sockets:
            return
        if not any(_is_served(each) for each in self._places.others):
            path.unlink(missing_ok=True)


def _is_served(path: os.PathLike[str]) -> bool:
    """Whether a process listens behind a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(0)
        return link.connect_ex(os.fspath(path)) == 0


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("router task failed", task=name, exc_info=failure)
