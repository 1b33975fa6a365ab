"""What is said on the Raft port, and what strangers may say there."""

import asyncio
import os
import pickle
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aether.frames import HEADER
from aether.store.pysyncobj.messages import (
    PROTOCOL,
    Append,
    Forward,
    Forwarded,
    Hello,
    decode,
    encode,
)
from tests.integration.contracts.raft_cluster import RaftCluster, free_port, new_members
from tests.integration.contracts.store import put


class Tap:
    """A relay that keeps all it carries, one stream for each direction of each connection."""

    def __init__(self, target: int) -> None:
        self.streams: list[bytearray] = []
        self._target = target

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = bytearray()
        self.streams.append(kept)
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                kept += data
                writer.write(data)
        writer.close()


def frames(stream: bytearray) -> list[bytes]:
    bodies, at = [], 0
    while at + HEADER.size <= len(stream):
        (size,) = HEADER.unpack_from(stream, at)
        bodies.append(bytes(stream[at + HEADER.size : at + HEADER.size + size]))
        at += HEADER.size + size
    return bodies[:-1]


async def test_no_pickle_crosses_the_wire() -> None:
    cluster = RaftCluster(new_members(3))
    first = cluster.members[0]
    tap = Tap(hidden := free_port())
    port = int(first.address.rpartition(":")[2])
    relay = await asyncio.start_server(tap.carry, "127.0.0.1", port)
    cluster.members, rest = [], cluster.members
    async with relay, cluster:
        await cluster.start(first, members=rest, port=hidden)
        for member in rest[1:]:
            await cluster.start(member, members=rest)
        for number, store in enumerate(cluster.stores * 5):
            await store.txn(put(f"wire/{number}", b"a value in plain sight"), timeout_s=10)
        asked = cluster.running[first.node].consensus
        await asked.add_member(new_members(1, first=4)[0], 5.0)
    said = [body for stream in tap.streams for body in frames(stream)]
    messages = [decode(body) for body in said]
    kinds = {type(message) for message in messages}
    assert {Hello, Append} <= kinds
    assert kinds & {Forward, Forwarded}
    assert any(b"a value in plain sight" in body for body in said)
    for body in said:
        # How every pickle begins that the library makes of a command, a list or an object.
        assert not any(start in body for start in (b"\x80\x02K", b"\x80\x02]", b"\x80\x02c"))
        assert b"aether.store" not in body


@asynccontextmanager
async def stranger(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def is_hung_up(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(10):
            while await reader.read(4096):
                pass
    except ConnectionError:
        return True
    return True


def framed(body: bytes) -> bytes:
    return HEADER.pack(len(body)) + body


class Touch:
    """A pickle that would write a file where it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


async def test_strangers_lose_their_connection_and_nothing_else_happens() -> None:
    async with RaftCluster(new_members(3)) as cluster:
        await cluster.leader()
        await cluster.stores[0].txn(put("before"))
        term = {running.consensus.term for running in cluster.running.values()}
        marker = cluster.directory / "executed"
        evil = pickle.dumps(Touch(marker))
        peer = f"{cluster.members[2].node}@{cluster.members[2].address}"
        offers = [
            os.urandom(4096),
            evil,
            struct.pack("<i", len(evil)) + evil,
            framed(evil),
            framed(b"\x00" + evil),
            HEADER.pack(2**31) + bytes(1024),
            HEADER.pack(2**32 - 1),
            framed(b""),
            framed(encode(Hello(PROTOCOL, "another", peer, "x", 1))),
            framed(encode(Hello(PROTOCOL + 1, "one", peer, "x", 1))),
            framed(encode(Hello(PROTOCOL, "one", "node-9@127.0.0.1:1", "x", 1))),
            framed(encode(Append(1, 0, 0, 0, []))),
        ]
        for member in cluster.members:
            for offer in offers:
                async with stranger(int(member.address.rpartition(":")[2])) as (reader, writer):
                    writer.write(offer)
                    writer.write_eof()
                    assert await is_hung_up(reader)
        assert {running.consensus.term for running in cluster.running.values()} == term
        for store in cluster.stores:
            await store.txn(put("after"))
        assert not marker.exists()


async def test_a_known_name_gains_nothing_but_its_connection() -> None:
    async with RaftCluster(new_members(3)) as cluster:
        await cluster.leader()
        marker = cluster.directory / "executed"
        evil = pickle.dumps(Touch(marker))
        listener, _, pretended = cluster.members
        hello = Hello(PROTOCOL, "one", f"{pretended.node}@{pretended.address}", "thief", 1)
        for body in (evil, b"\x08\x92" + evil, encode(hello)[:-1], b"\xc1" * 64):
            async with stranger(int(listener.address.rpartition(":")[2])) as (reader, writer):
                writer.write(framed(encode(hello)) + framed(body))
                assert await is_hung_up(reader)
            hello = Hello(PROTOCOL, "one", hello.node, "thief", hello.connection + 1)
        for store in cluster.stores:
            await store.txn(put("after"), timeout_s=10)
        await cluster.equal()
        assert not marker.exists()
