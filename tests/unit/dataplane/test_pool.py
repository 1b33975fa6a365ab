"""The pool, in front of a listener that only accepts."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aether.dataplane.heads import ResponseHead
from aether.dataplane.limits import Limits
from aether.dataplane.pool import Pool
from aether.dataplane.streams import end_stream
from aether.dataplane.upstream import UpstreamConnection
from aether.tasks import Tasks
from tests.unit.dataplane.fakes import Transport

ANSWER = b"HTTP/1.1 204 None\r\n\r\n"


class Waiter:
    """Waits for a connection, and for an answer on it."""

    def __init__(self) -> None:
        self.connection: UpstreamConnection | None = None
        self.reason = ""
        self.heard = asyncio.Event()
        self.done = asyncio.Event()

    def connected(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        self.heard.set()

    def not_connected(self, _: UpstreamConnection, reason: str) -> None:
        self.reason = reason
        self.heard.set()

    def answered(
        self, _: UpstreamConnection, head: ResponseHead, payload: bytes, *, done: bool
    ) -> None:
        self.done.set()

    def more(self, _: UpstreamConnection, payload: bytes, *, done: bool) -> None: ...

    def switched(self, _: UpstreamConnection, head: ResponseHead, payload: bytes) -> None: ...

    def lost(self, _: UpstreamConnection, reason: str) -> None:
        self.reason = reason
        self.done.set()

    def hold_request(self, *, held: bool) -> None: ...


class Rig:
    """A pool, its clock, and a socket that answers every request with 204."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.address = str(folder / "s")
        limits = Limits(upstream_connections=3, upstream_idle_connections=2, upstream_idle_s=10.0)
        self.pool = Pool(limits, lambda: self.now)

    async def connect(self, address: str = "") -> Waiter:
        waiter = Waiter()
        assert self.pool.connect(address or self.address, waiter)
        async with asyncio.timeout(5):
            await waiter.heard.wait()
        return waiter

    async def used(self) -> UpstreamConnection:
        """Return a connection on which one request was answered."""
        waiter = await self.connect()
        connection = waiter.connection
        assert connection is not None
        connection.send(waiter, "GET", b"x")
        async with asyncio.timeout(5):
            await waiter.done.wait()
        return connection


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))

    serving = Tasks()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(100):
                writer.write(ANSWER)
        except ConnectionError:
            pass
        finally:
            await end_stream(writer)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.start("answer", answer(reader, writer))

    made = Rig(folder)
    server = await asyncio.start_unix_server(
        accept,
        made.address,
    )
    yield made
    await made.pool.close()
    server.close()
    await serving.stop()
    shutil.rmtree(folder)


async def test_the_most_recently_used_is_used_again(rig: Rig) -> None:
    one, two = await rig.used(), await rig.used()
    rig.pool.put(one, rig.now)
    rig.pool.put(two, rig.now)
    assert rig.pool.take_idle(rig.address) is two
    assert rig.pool.take_idle(rig.address) is one
    assert rig.pool.take_idle(rig.address) is None
    assert rig.pool.take_idle("/other") is None


async def test_connections_per_address_are_bounded(rig: Rig) -> None:
    waiters = [await rig.connect() for _ in range(3)]
    assert rig.pool.connect(rig.address, Waiter()) is None
    assert waiters[0].connection is not None
    waiters[0].connection.abandon()
    assert (await rig.used()).is_usable


async def test_idle_connections_are_bounded_and_closed_in_time(rig: Rig) -> None:
    connections = [await rig.used() for _ in range(3)]
    for connection in connections:
        rig.pool.put(connection, rig.now)
        rig.now += 1
    assert [each.is_usable for each in connections] == [True, True, False]
    rig.pool.sweep()
    assert connections[0].is_usable
    rig.now = 10.5
    rig.pool.sweep()
    assert [each.is_usable for each in connections] == [False, True, False]
    assert rig.pool.take_idle(rig.address) is connections[1]


async def test_connections_to_what_left_the_table_are_closed(rig: Rig) -> None:
    connection = await rig.used()
    rig.pool.put(connection, rig.now)
    rig.pool.retain({rig.address})
    assert connection.is_usable
    rig.pool.retain(set())
    assert not connection.is_usable


@pytest.mark.parametrize("address", ["/nowhere.sock", "127.0.0.1:1"])
async def test_nobody_listening_is_told_and_not_counted(rig: Rig, address: str) -> None:
    for _ in range(10):
        waiter = await rig.connect(address)
        assert waiter.connection is None
        assert address in waiter.reason


async def test_a_connection_whose_answer_was_not_read_is_not_kept(rig: Rig) -> None:
    waiter = await rig.connect()
    assert waiter.connection is not None
    waiter.connection.send(waiter, "GET", b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
    rig.pool.put(waiter.connection, rig.now)
    assert rig.pool.take_idle(rig.address) is None


async def test_a_connection_nobody_waits_for_any_more_is_kept(rig: Rig) -> None:
    made = rig.pool.connect(rig.address, Waiter())
    assert made is not None
    made.receiver = None
    async with asyncio.timeout(5):
        while (kept := rig.pool.take_idle(rig.address)) is None:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)
    assert kept is made


async def test_a_connection_given_up_while_it_opens_is_counted_out(rig: Rig) -> None:
    waiter = Waiter()
    made = rig.pool.connect(rig.address, waiter)
    assert made is not None
    made.abandon()
    waiters = [await rig.connect() for _ in range(3)]
    assert all(each.connection for each in waiters)
    assert not waiter.heard.is_set()
    assert not made.is_open


async def test_a_connection_opened_too_late_is_closed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Transport()

    async def dial(address: str, protocol: asyncio.Protocol, _peers: object) -> None:
        protocol.connection_made(opened)
        raise TimeoutError(address)

    monkeypatch.setattr("aether.dataplane.pool._dial", dial)
    assert (await rig.connect()).connection is None
    assert opened.is_aborted
