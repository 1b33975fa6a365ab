"""One store server on the oracle and a Unix socket, in the loop of the test, and ways to talk to it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aether.core.model.ids import NodeId
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.store.process.server import StoreServer
from aether.store.protocol import (
    MAX_ANSWER_BYTES,
    Answer,
    Inbox,
    Request,
    add_frame,
    answer_decoder,
)
from aether.store.remote.store import RemoteStore
from aether_forge.sim.oracle import Oracle, OracleConsensus

NODE = NodeId("node-1")
WAIT_S = 60.0
POLL_S = 0.005


@dataclass
class Rig:
    path: Path
    oracle: Oracle = field(default_factory=Oracle)
    machine: KvMachine = field(default_factory=KvMachine)
    server: StoreServer | None = None
    consensus: OracleConsensus | None = None

    async def serve(self) -> StoreServer:
        """Start a process's worth of server, with an empty machine that catches up."""
        self.machine = KvMachine()
        self.consensus = self.oracle.member(Member(NODE, "127.0.0.1:6101"), self.machine)
        await self.consensus.start()
        self.server = StoreServer(NODE, "one", self.consensus, self.machine, most_connections=4)
        await self.server.start(self.path)
        return self.server

    async def end(self) -> None:
        """End the server as a crash would, as far as clients can tell."""
        if self.server is not None:
            await self.server.stop()
            self.server = None
        if self.consensus is not None:
            await self.consensus.stop()
            self.consensus = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[RemoteStore]:
        store = RemoteStore(self.path, NODE, "one")
        await store.start()
        try:
            await until(lambda: store.is_ready)
            yield store
        finally:
            await store.close()

    @asynccontextmanager
    async def raw(self) -> AsyncIterator["Raw"]:
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        try:
            yield Raw(reader, writer)
        finally:
            writer.close()


class Raw:
    """A connection that says what the test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._inbox = Inbox(answer_decoder, MAX_ANSWER_BYTES)
        self._arrived: list[Answer] = []

    def ask(self, *messages: Request) -> None:
        frames = bytearray()
        for message in messages:
            add_frame(frames, message)
        self.writer.write(bytes(frames))

    async def next(self) -> Answer:
        async with asyncio.timeout(WAIT_S):
            while not self._arrived:
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self._arrived += self._inbox.feed(data)
        return self._arrived.pop(0)

    async def is_closed(self) -> bool:
        """Wait until the server ends the connection."""
        try:
            async with asyncio.timeout(WAIT_S):
                while await self.reader.read(65536):
                    pass
        except ConnectionError:
            pass
        return True


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - nothing announces these conditions
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    directory = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    made = Rig(directory / "store.sock")
    await made.serve()
    try:
        yield made
    finally:
        await made.end()
        shutil.rmtree(directory)
