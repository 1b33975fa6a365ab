"""Connections to instances and peer routers: kept alive between requests, bounded per address."""

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

import structlog

from aether.dataplane.limits import Limits
from aether.dataplane.upstream import Receiver, UpstreamConnection
from aether.tasks import Tasks
from aether.write_batch import WriteBatch

log = structlog.get_logger()


class PeerDialer(Protocol):
    """Dials the routers of other nodes where they prove who they are; `mesh_tls` has one."""

    async def dial(self, address: str, protocol: asyncio.Protocol) -> None:
        """Connect to a `host:port`; raise OSError when whoever answers is not the node meant."""
        ...


class Pool:
    """Every connection the router holds open to others; the most recently used is used again.

    `peers` dials other routers; None: they are spoken to in the clear.
    """

    def __init__(
        self,
        limits: Limits,
        now: Callable[[], float],
        peers: PeerDialer | None = None,
        writes: WriteBatch | None = None,
    ) -> None:
        self._limits = limits
        self._now = now
        self._peers = peers
        self._writes = writes or WriteBatch()
        self._idle: dict[str, list[UpstreamConnection]] = {}
        self._open: dict[str, int] = {}
        self._all: set[UpstreamConnection] = set()
        self._tasks = Tasks(on_failure=_log_failure)

    def take_idle(self, address: str) -> UpstreamConnection | None:
        """Return a kept connection that is still open, if there is one."""
        idle = self._idle.get(address)
        while idle:
            connection = idle.pop()
            transport = connection.transport
            if transport is not None and not transport.is_closing():
                return connection
        return None

    def connect(self, address: str, receiver: Receiver) -> UpstreamConnection | None:
        """Begin to open a connection; None when the address has as many as it may have.

        The receiver is told how it ends, later and not from here. A connection whose receiver
        was taken away meanwhile is kept for others.
        """
        if self._open.get(address, 0) >= self._limits.upstream_connections:
            return None
        self._open[address] = self._open.get(address, 0) + 1
        made = UpstreamConnection(address, self._limits.header_bytes, self._forget, self._writes)
        made.receiver = receiver
        self._all.add(made)
        self._tasks.start(f"connect {address}", self._connect(made))
        return made

    async def _connect(self, made: UpstreamConnection) -> None:
        address = made.address
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await _dial(address, made, self._peers)
        except TimeoutError:
            self._failed(made, f"{address} did not accept within {self._limits.connect_s:g} s")
        except OSError as problem:
            self._failed(made, f"cannot connect to {address}: {problem.strerror or problem}")
        except asyncio.CancelledError:
            made.abandon()
            raise
        else:
            if not made.is_open:
                self._failed(made, f"{address} closed the connection at once")
            elif made.receiver is not None:
                made.receiver.connected(made)
            else:
                self.put(made, self._now())

    def _failed(self, made: UpstreamConnection, reason: str) -> None:
        receiver = made.receiver
        made.abandon()  # it may be open by now, though nobody was told
        if receiver is not None:
            receiver.not_connected(made, reason)

    def put(self, connection: UpstreamConnection, now: float) -> None:
        """Keep a connection whose answer was read in full or that was not used; else close it."""
        transport = connection.transport
        if not connection.may_be_kept or transport is None or transport.is_closing():
            connection.abandon()
            return
        idle = self._idle.get(connection.address)
        if idle is None:
            idle = self._idle[connection.address] = []
        if len(idle) >= self._limits.upstream_idle_connections:
            connection.abandon()
            return
        connection.idle_since = now
        idle.append(connection)

    def sweep(self) -> None:
        """Close what was idle for too long."""
        oldest = self._now() - self._limits.upstream_idle_s
        for address, idle in list(self._idle.items()):
            stale = 0
            for connection in idle:  # the front of the list has waited longest
                if connection.idle_since > oldest and connection.is_usable:
                    break
                stale += 1
            for connection in idle[:stale]:
                connection.abandon()
            del idle[:stale]
            if not idle:
                del self._idle[address]

    def retain(self, addresses: Collection[str]) -> None:
        """Close idle connections to addresses that are in the table no longer."""
        for address in [each for each in self._idle if each not in addresses]:
            for connection in self._idle.pop(address):
                connection.abandon()

    async def close(self) -> None:
        """Close everything."""
        await self._tasks.stop()
        for connection in list(self._all):
            connection.abandon()

    def _forget(self, connection: UpstreamConnection) -> None:
        """Count a connection out, once, however often its end is noticed."""
        if connection not in self._all:
            return
        self._all.remove(connection)
        left = self._open[connection.address] - 1
        if left > 0:
            self._open[connection.address] = left
        else:
            del self._open[connection.address]


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("connection task failed", task=name, exc_info=failure)


async def _dial(address: str, protocol: asyncio.Protocol, peers: PeerDialer | None) -> None:
    """Connect to a socket path or a `host:port`."""
    loop = asyncio.get_running_loop()
    if address.startswith("/"):
        await loop.create_unix_connection(lambda: protocol, address)
        return
    if peers is not None:
        await peers.dial(address, protocol)
        return
    host, _, port = address.rpartition(":")
    await loop.create_connection(lambda: protocol, host.strip("[]"), int(port))
