"""Links between members over real sockets: delivery, replacement, reconnection, bounds."""

import asyncio
import socket
from unittest.mock import patch

import pytest
from structlog.testing import capture_logs

from aether.core.raft.entries import Members, SnapshotPoint
from aether.core.raft.messages import TimeoutNow
from aether.errors import ConfigInvalid
from aether.frames import HEADER
from aether.store.native import handshake
from aether.store.native.dialer import MAX_WAITING_BYTES
from aether.store.native.handshake import Hello, Welcome
from aether.store.native.packets import SnapshotChunk, encode_packet
from aether.store.native.splitter import PING
from tests.integration.links_rig import (
    NODES,
    POLL_S,
    Party,
    met,
    said_until_hung_up,
    stranger,
    until,
)

ONE, TWO, THREE = NODES[:3]
POINT = SnapshotPoint(1, 1, 0, Members(()))


def hello(
    node: str = TWO, to: str = ONE, incarnation: str = "x", connection: int = 1, address: str = ""
) -> bytes:
    body = handshake.encode(Hello("one", node, to, incarnation, connection, address))
    return HEADER.pack(len(body)) + body


def welcome(node: str = ONE) -> bytes:
    body = handshake.encode(Welcome(node))
    return HEADER.pack(len(body)) + body


def packet(term: int) -> bytes:
    body = encode_packet(TimeoutNow(term))
    return HEADER.pack(len(body)) + body


async def test_packets_arrive_in_order_both_ways() -> None:
    async with Party(ONE) as one, Party(TWO) as two, Party(THREE) as three:
        await met(one, two, three)
        for term in range(200):
            one.say(two, term)
            one.say(three, term)
            two.say(one, term)
        await until(lambda: len(two.heard) + len(three.heard) + len(one.heard) >= 600)
        assert two.terms(ONE) == three.terms(ONE) == one.terms(TWO) == list(range(200))


async def test_many_packets_of_one_turn_leave_together_and_large_ones_whole() -> None:
    chunk = SnapshotChunk(1, POINT, 1, 0, bytes(3 * 1024 * 1024))
    async with Party(ONE) as one, Party(TWO) as two:
        await met(one, two)
        one.links.send(TWO, TimeoutNow(1))
        one.links.send(TWO, chunk)
        one.links.send(TWO, TimeoutNow(2))
        assert one.links.flush()
        assert not one.links.flush()
        await until(lambda: len(two.heard) == 3)
        assert [said for _, said in two.heard] == [TimeoutNow(1), chunk, TimeoutNow(2)]


async def test_a_lost_connection_is_told_and_dialled_again() -> None:
    async with Party(ONE) as one:
        async with Party(TWO) as two:
            await met(one, two)
            port = two.links.port
        await until(lambda: one.lost == [TWO] and not one.links.connected())
        one.say(two, 1)
        assert one.links.dropped == 1
        again = Party(TWO, incarnation="2")
        await again.links.listen("127.0.0.1", port)
        try:
            await until(lambda: one.links.connected() == {TWO}, 3.0)
            one.say(again, 2)
            await until(lambda: again.terms(ONE) == [2])
        finally:
            await again.links.close()


async def test_who_falls_silent_is_missed_at_once_and_dials_no_more() -> None:
    async with Party(ONE) as one, Party(TWO) as two, Party(NODES[2]) as three:
        one.dial(two)
        two.dial(one)
        await until(lambda: one.links.connected() and two.links.connected())
        for _ in range(2):
            one.links.fall_silent()
        await until(lambda: two.lost == [ONE])
        three.dial(one)
        await until(three.links.connected)
        assert not one.links.connected()
        assert ONE not in two.links.hears() | three.links.hears()


async def test_a_peer_that_dials_us_is_dialled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether.store.native.dialer.FIRST_REDIAL_S", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = int(reserved.getsockname()[1])
    with capture_logs() as said:
        async with Party(ONE) as one:
            one.links.set_members([(TWO, f"127.0.0.1:{port}")])
            await until(lambda: any(line["event"].endswith("spoken to") for line in said))
            two = Party(TWO)
            await two.links.listen("127.0.0.1", port)
            try:
                two.dial(one)
                await until(lambda: one.links.connected() == {TWO}, 2.0)
                assert one.links._dialers[TWO]._connections == 1
            finally:
                await two.links.close()


async def test_a_newer_connection_replaces_an_older_one() -> None:
    async with Party(ONE) as one, stranger(one.links.port) as (first, say_first):
        say_first.write(hello(connection=1))
        assert await first.readexactly(len(welcome())) == welcome()
        async with stranger(one.links.port) as (second, say_second):
            say_second.write(hello(connection=2))
            assert await second.readexactly(len(welcome())) == welcome()
            assert await said_until_hung_up(first) == b""
            assert one.lost == []
            say_second.write(packet(7))
            await until(lambda: one.terms(TWO) == [7])
            async with stranger(one.links.port) as (late, say_late):
                say_late.write(hello(connection=1))
                assert b"old_connection" in await said_until_hung_up(late)
            async with stranger(one.links.port) as (reborn, say_reborn):
                say_reborn.write(hello(incarnation="y", connection=1))
                assert await reborn.readexactly(len(welcome())) == welcome()
                assert one.lost == [TWO], "the old life ended"
        await until(lambda: one.lost == [TWO, TWO])


async def test_a_node_that_joins_is_answered_at_the_address_it_names() -> None:
    async with Party(ONE) as one:
        joining = Party(TWO, address="")
        await joining.links.listen("127.0.0.1", 0)
        joining.links._me = handshake.Introduction(
            cluster_id="one", node=TWO, incarnation="1", address=joining.address
        )
        try:
            joining.dial(one)
            await until(lambda: one.links.connected() == {TWO})
            one.say(joining, 3)
            await until(lambda: joining.terms(ONE) == [3])
        finally:
            await joining.links.close()
        await until(lambda: TWO not in one.links._dialers)
        assert one.links.connected() == set()


async def test_a_peer_that_never_reads_costs_bounded_memory() -> None:
    async def read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(welcome(TWO))
        reader._transport.pause_reading()  # type: ignore[attr-defined] # no public way not to read
        await done.wait()
        writer.transport.abort()

    done = asyncio.Event()
    server = await asyncio.start_server(read_nothing, "127.0.0.1", 0)
    async with server, Party(ONE) as one:
        # One second rather than three: the kernel's part is the same.
        with patch("aether.store.native.sockets.SILENT_S", 1):
            one.links.set_members([(TWO, f"127.0.0.1:{server.sockets[0].getsockname()[1]}")])
            await until(lambda: one.links.connected() == {TWO})
        chunk = SnapshotChunk(1, POINT, 1, 0, bytes(1024 * 1024))
        for _ in range(64):
            one.links.send(TWO, chunk)
            one.links.flush()
        waiting = one.links._dialers[TWO]._speaking.transport.get_write_buffer_size()  # type: ignore[union-attr]
        assert waiting <= MAX_WAITING_BYTES
        assert one.links.dropped >= 64 - 16 - 8
        # The kernel gives up a peer that takes nothing.
        await until(lambda: not one.links.connected())
        done.set()


async def test_a_silent_connection_is_given_up_and_a_pinging_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aether.store.native.links.SWEEP_S", 0.05)
    async with Party(ONE) as one, stranger(one.links.port) as (_, pinging):
        pinging.write(hello(node=THREE))
        await until(lambda: THREE in one.links.hears())
        async with stranger(one.links.port) as (reader, silent):
            silent.write(hello())
            await until(lambda: TWO in one.links.hears())
            while TWO in one.links.hears():
                pinging.write(PING)
                await asyncio.sleep(POLL_S)
            assert await said_until_hung_up(reader) == welcome()
            assert one.lost == [TWO]
        assert THREE in one.links.hears()


async def test_idle_links_ping_so_that_nobody_gives_them_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aether.store.native.links.SWEEP_S", 0.03)
    async with Party(ONE) as one, Party(TWO) as two:
        await met(one, two)
        deadline = asyncio.get_running_loop().time() + 0.5
        await until(lambda: asyncio.get_running_loop().time() > deadline)
        assert one.lost == two.lost == []
        assert one.links.connected() == {TWO}


async def test_a_port_in_use_is_named() -> None:
    async with Party(ONE) as one:
        other = Party(TWO)
        with pytest.raises(ConfigInvalid, match=str(one.links.port)):
            await other.links.listen("127.0.0.1", one.links.port)
        await other.links.close()


async def test_the_same_problem_is_logged_once() -> None:
    with capture_logs() as said:
        async with Party(ONE) as one, Party(TWO, cluster_id="other") as two:
            one.dial(two)
            await until(lambda: one.links._dialers[TWO]._connections >= 3)
            until_then = list(said)  # a peer that goes away is another problem
    problems = [line for line in until_then if line["event"] == "raft peer cannot be spoken to"]
    assert [line["code"] for line in problems] == ["wrong_cluster"]
