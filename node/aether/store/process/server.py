"""The store's Unix socket: opens it, greets clients, tells them who leads and who takes part."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import structlog

from aether.core.model.ids import NodeId
from aether.core.store.machine import KvMachine
from aether.ports import Consensus
from aether.store.backup.writer import backup_pieces
from aether.store.process.connection import Connection, Served
from aether.store.process.engines import callbacks_of
from aether.store.process.subscriptions import Feed
from aether.store.protocol import PROTOCOL, Answer, Hello, Shape, members_to_wire
from aether.store.watch import PROGRESS_S
from aether.tasks import Tasks

log = structlog.get_logger()

LOOK_S = 0.1
"""How often leader and members are looked at for clients."""


class StoreServer:
    """Serves one member of consensus to the processes of its node."""

    def __init__(
        self,
        node: NodeId,
        cluster_id: str,
        consensus: Consensus,
        machine: KvMachine,
        most_connections: int = 16,
    ) -> None:
        self._hello = Hello(PROTOCOL, node, cluster_id, os.getpid())
        self._consensus = consensus
        self._tasks = Tasks()
        self._connections: set[Connection] = set()
        self._served = Served(
            engine=callbacks_of(consensus, self._tasks),
            group=consensus,
            machine=machine,
            feed=Feed(machine),
            tasks=self._tasks,
            greet=lambda: (self._hello, self._shape),
            connections=self._connections,
            backup=partial(_backup, machine, cluster_id, node),
            most_connections=most_connections,
        )
        self._shape: Answer = self._look()
        self._server: asyncio.Server | None = None
        self._last_seen = asyncio.get_running_loop().time()

    @property
    def alone_s(self) -> float:
        """Seconds for which no client has been connected."""
        return 0.0 if self._connections else asyncio.get_running_loop().time() - self._last_seen

    async def start(self, path: Path) -> None:
        """Listen; a socket file left by an earlier life is replaced."""
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - at once, below our own run/
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._accepted, str(path))
        path.chmod(0o600)  # noqa: ASYNC240 - as above
        self._tasks.start("store-shape", self._every(LOOK_S, self._tell_shape))
        self._tasks.start("store-progress", self._every(PROGRESS_S, self._tell_progress))

    async def stop(self) -> None:
        """Listen no more and end every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in tuple(self._connections):
            connection.close()
        await self._tasks.stop()

    def _accepted(self) -> Connection:
        self._last_seen = asyncio.get_running_loop().time()  # however short its visit is
        return Connection(self._served)

    async def _every(self, seconds: float, look: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            look()

    def _look(self) -> Shape:
        group = self._consensus
        return Shape(group.leader, group.term, members_to_wire(group.members))

    def _tell_shape(self) -> None:
        if self._connections:
            self._last_seen = asyncio.get_running_loop().time()
        shape = self._look()
        if shape != self._shape:
            self._shape = shape
            for connection in self._connections:
                connection.say(shape)

    def _tell_progress(self) -> None:
        for connection in self._connections:
            connection.tell_progress()


def _backup(machine: KvMachine, cluster_id: str, node: NodeId) -> Iterator[bytes]:
    return backup_pieces(machine, cluster_id, node, time.time_ns() // 1_000_000)
