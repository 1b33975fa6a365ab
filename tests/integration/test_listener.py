"""What strangers may say on the Raft port: nothing executes, nothing dies, memory stays bounded."""

import asyncio
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import psutil
import pytest

from aether.core.raft.messages import TimeoutNow
from aether.frames import HEADER
from aether.store.native import handshake
from aether.store.native.handshake import Hello
from aether.store.native.packets import encode_packet
from aether.store.native.splitter import MAX_FRAME_BYTES
from tests.certificates import Authority
from tests.integration.links_rig import NODES, Party, met, said_until_hung_up, stranger, until

ONE, TWO, THREE = NODES[:3]
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00"


class Touch:
    """A pickle that would write a file where it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def framed(body: bytes) -> bytes:
    return HEADER.pack(len(body)) + body


def hostile(marker: Path) -> list[bytes]:
    evil = pickle.dumps(Touch(marker))
    bomb = zlib.compress(bytes(64 * 1024 * 1024))
    return [
        os.urandom(65536),
        evil,
        framed(evil),
        framed(handshake.MAGIC + b"\x01" + evil),
        HEADER.pack(2**31) + bytes(1024),
        HEADER.pack(2**32 - 1) + bytes(65536),
        HEADER.pack(0) * 10_000,
        bomb,
        framed(bomb),
        HTTP2,
        b"GET / HTTP/1.1\r\n\r\n",
        framed(b""),
        framed(b"\xdd\xff\xff\xff\xff" * 100),
        framed(encode_packet(TimeoutNow(9))),
    ]


@pytest.mark.parametrize("tls", [False, True])
async def test_strangers_lose_their_connection_and_nothing_else_happens(
    tmp_path: Path, tls: bool
) -> None:
    authority = Authority(tmp_path)
    marker = tmp_path / "executed"
    one, two = (Party(node, tls=authority.issue(node) if tls else None) for node in (ONE, TWO))
    async with one, two:
        await met(one, two)
        offers = hostile(marker)
        before = psutil.Process().memory_info().rss
        for offer in offers * 2:
            async with stranger(one.links.port) as (reader, writer):
                writer.write(offer)
                writer.write_eof()
                await said_until_hung_up(reader)
        grown = psutil.Process().memory_info().rss - before
        two.say(one, 5)
        await until(lambda: one.terms(TWO) == [5])
        assert one.lost == []
        assert one.heard == [(TWO, TimeoutNow(5))]
    assert grown <= 16 * 1024 * 1024
    assert not marker.exists()


@pytest.mark.parametrize(
    "body", [b"", b"\x01", b"\x01\xc1" * 9, b"\x02\x91\x01", bytes(9), b"\x01\x92\x07\x01\x01"]
)
async def test_a_peer_that_says_no_packet_loses_its_connection(body: bytes) -> None:
    async with Party(ONE) as one, stranger(one.links.port) as (reader, writer):
        writer.write(framed(handshake.encode(Hello("one", TWO, ONE, "x", 1, ""))))
        await until(lambda: one.links.hears() == {TWO})
        writer.write(framed(body or pickle.dumps(1)))
        await said_until_hung_up(reader)
        await until(lambda: one.lost == [TWO])
        assert one.heard == []


async def test_a_frame_over_the_limit_ends_an_admitted_connection() -> None:
    async with Party(ONE) as one, stranger(one.links.port) as (reader, writer):
        writer.write(framed(handshake.encode(Hello("one", TWO, ONE, "x", 1, ""))))
        await until(lambda: one.links.hears() == {TWO})
        writer.write(HEADER.pack(MAX_FRAME_BYTES + 1))
        await said_until_hung_up(reader)
        await until(lambda: one.lost == [TWO])


async def test_handshakes_end_in_time_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether.store.native.listener.HANDSHAKE_S", 0.3)
    monkeypatch.setattr("aether.store.native.listener.MAX_HANDSHAKES", 4)
    async with Party(ONE) as one, Party(TWO) as two:
        slow = [await asyncio.open_connection("127.0.0.1", one.links.port) for _ in range(8)]
        closed = await asyncio.gather(*(said_until_hung_up(reader) for reader, _ in slow))
        assert sum(b"did not introduce itself" in said for said in closed) == 4
        assert sum(said == b"" for said in closed) == 4
        for _, writer in slow:
            writer.close()
        await met(one, two)


async def test_strangers_with_a_valid_hello_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether.store.native.links.MAX_STRANGERS", 1)
    async with Party(ONE) as one, stranger(one.links.port) as (_, first):
        first.write(framed(handshake.encode(Hello("one", TWO, ONE, "x", 1, ""))))
        await until(lambda: one.links.hears() == {TWO})
        async with stranger(one.links.port) as (reader, second):
            second.write(framed(handshake.encode(Hello("one", THREE, ONE, "x", 1, ""))))
            assert b"too_many" in await said_until_hung_up(reader)
