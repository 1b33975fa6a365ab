"""Connections to instances and peer routers: kept alive between requests, bounded per address."""

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

import structlog

from aether.dataplane.limits import Limits
from aether.dataplane.upstream import UpstreamConnection
from aether.tasks import Tasks

log = structlog.get_logger()


class Waiter(Protocol):
    """Who waits for a connection to be opened."""

    def connected(self, connection: UpstreamConnection) -> None:
        """Take the connection, or put it back."""
        ...

    def not_connected(self, reason: str) -> None:
        """Nobody listens at the address."""
        ...


class Pool:
    """Every connection the router holds open to others; the most recently used is used again."""

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._idle: dict[str, list[UpstreamConnection]] = {}
        self._open: dict[str, int] = {}
        self._all: set[UpstreamConnection] = set()
        self._tasks = Tasks(on_failure=_log_failure)

    def take_idle(self, address: str) -> UpstreamConnection | None:
        """Return a kept connection that is still open, if there is one."""
        idle = self._idle.get(address)
        while idle:
            connection = idle.pop()
            if connection.is_usable:
                return connection
        return None

    def connect(self, address: str, waiter: Waiter) -> bool:
        """Open a connection for `waiter`; False when the address has as many as it may have."""
        if self._open.get(address, 0) >= self._limits.upstream_connections:
            return False
        self._open[address] = self._open.get(address, 0) + 1
        self._tasks.start(f"connect {address}", self._connect(address, waiter))
        return True

    async def _connect(self, address: str, waiter: Waiter) -> None:
        made = UpstreamConnection(address, self._limits.header_bytes, self._forget)
        self._all.add(made)
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await _dial(address, made)
        except TimeoutError:
            made.abandon()  # it may be open by now, though nobody was told
            waiter.not_connected(f"{address} did not accept within {self._limits.connect_s:g} s")
        except OSError as problem:
            self._forget(made)
            waiter.not_connected(f"cannot connect to {address}: {problem.strerror or problem}")
        except asyncio.CancelledError:
            made.abandon()
            raise
        else:
            if made.is_usable:
                waiter.connected(made)
            else:
                waiter.not_connected(f"{address} closed the connection at once")

    def put(self, connection: UpstreamConnection) -> None:
        """Keep a connection whose answer was read in full, or close it."""
        idle = self._idle.setdefault(connection.address, [])
        if not connection.may_be_kept or len(idle) >= self._limits.upstream_idle_connections:
            connection.abandon()
            return
        connection.idle_since = self._now()
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


async def _dial(address: str, protocol: asyncio.Protocol) -> None:
    """Connect to a socket path or a `host:port`."""
    loop = asyncio.get_running_loop()
    if address.startswith("/"):
        await loop.create_unix_connection(lambda: protocol, address)
        return
    host, _, port = address.rpartition(":")
    await loop.create_connection(lambda: protocol, host.strip("[]"), int(port))
