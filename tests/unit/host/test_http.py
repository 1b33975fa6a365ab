"""A connection to a host, without a socket: what is counted, and what is read only once."""

import asyncio

import pytest

from aether.host.exchange import Exchange
from aether.host.http import Connection, HttpServer
from aether.write_batch import MOST_BYTES
from tests.unit.dataplane.fakes import HIGH_WATER_BYTES, SlowTransport, Transport

REQUEST = b"GET /a?b HTTP/1.1\r\nHost: h\r\nx-request-id: %b\r\n\r\n"


class Host:
    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes, list[tuple[bytes, bytes]]]] = []
        self.fails = False
        self.server = HttpServer(self.answer, cancel_when_gone=True)
        self.transport = Transport()
        self.connection = Connection(self.server)
        self.connection.connection_made(self.transport)

    async def answer(self, exchange: Exchange) -> None:
        self.asked.append((exchange.method, exchange.path, exchange.headers))
        if self.fails:
            raise ValueError("broken")
        await exchange.respond(200, (), await exchange.body.read())

    async def settle(self) -> None:
        async with asyncio.timeout(5):
            while self.server.in_flight or self.server.handlers:  # noqa: ASYNC110 - both are plain counts
                await asyncio.sleep(0)
            await asyncio.sleep(0)  # what was answered is written at the end of the turn


@pytest.fixture
async def host() -> Host:
    return Host()


async def test_a_client_that_leaves_before_its_handler_begins_is_counted_out(host: Host) -> None:
    host.connection.data_received(REQUEST % b"1")
    host.connection.connection_lost(None)
    await host.settle()
    assert (host.server.in_flight, host.asked) == (0, [])


async def test_requests_that_begin_alike_reach_the_application_alike(host: Host) -> None:
    for number in (b"1", b"2", b"3"):
        host.connection.data_received(REQUEST % number)
        await host.settle()
    assert host.asked == [
        ("GET", b"/a", [(b"host", b"h"), (b"x-request-id", number)])
        for number in (b"1", b"2", b"3")
    ]
    assert host.transport.take().count(b"HTTP/1.1 200 OK") == 3


async def test_after_a_known_head_others_are_read_as_ever(host: Host) -> None:
    host.connection.data_received(REQUEST % b"1")
    await host.settle()
    host.connection.data_received(REQUEST % b"2" + REQUEST % b"3")
    await host.settle()
    host.connection.data_received((REQUEST % b"4").replace(b"Host", b"Content-Length: 3\r\nHost"))
    host.connection.data_received(b"abc")
    await host.settle()
    assert [dict(headers)[b"x-request-id"] for _, _, headers in host.asked] == [
        b"1",
        b"2",
        b"3",
        b"4",
    ]
    assert host.transport.take().endswith(b"\r\n\r\nabc")


async def test_a_handler_that_breaks_ends_its_connection_alone(host: Host) -> None:
    host.fails = True
    host.connection.data_received(REQUEST % b"1")
    await host.settle()
    assert host.transport.is_aborted
    assert not host.server.handlers


async def test_small_pieces_without_end_wait_for_the_client() -> None:
    pieces = 0

    async def endless(exchange: Exchange) -> None:
        nonlocal pieces
        await exchange.start(200, ())
        for _ in range(5000):
            pieces += 1
            await exchange.write(b"x" * 1024)
        await exchange.finish()

    server, slow = HttpServer(endless, cancel_when_gone=True), SlowTransport()
    slow.reader = connection = Connection(server)
    connection.connection_made(slow)
    connection.data_received(REQUEST % b"1")
    for _ in range(10):
        await asyncio.sleep(0)
    assert 0 < pieces * 1024 < HIGH_WATER_BYTES + 2 * MOST_BYTES
    slow.reader = None
    connection.resume_writing()
    async with asyncio.timeout(5):
        while server.in_flight:  # noqa: ASYNC110 - a plain count
            await asyncio.sleep(0)
    assert pieces == 5000


async def test_a_buffer_filled_anew_after_it_was_given_changes_nothing(host: Host) -> None:
    async def reuse(exchange: Exchange) -> None:
        buffer = bytearray(b"one")
        await exchange.start(200, ((b"content-length", b"6"),))
        await exchange.write(buffer)  # type: ignore[arg-type] # as careless code does
        buffer[:] = b"two"
        await exchange.write(buffer)  # type: ignore[arg-type] # as careless code does
        await exchange.finish()

    host.server.app = reuse
    host.connection.data_received(REQUEST % b"1")
    await host.settle()
    assert host.transport.take().endswith(b"onetwo")
