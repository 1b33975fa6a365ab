"""The HTTP/1.1 server of a host over a real Unix socket, byte by byte."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from aether.host import http as http_module
from aether.host.body import Disconnected
from aether.host.exchange import Exchange
from aether.host.http import HttpServer
from aether.sdk import HttpError
from tests.integration.host_rig import Answer, eventually, http, talk

OK = b"HTTP/1.1 200 OK\r\n"


class Served:
    """A server whose application is chosen by the first segment of the path."""

    def __init__(self, directory: Path) -> None:
        self.socket = str(directory / "h.sock")
        self.release = asyncio.Event()
        self.cancelled = 0
        self.gone = 0
        self.server = HttpServer(self.answer, cancel_when_gone=True)

    async def answer(self, exchange: Exchange) -> None:
        answers: dict[bytes, Callable[[Exchange], Awaitable[None]]] = {
            b"/echo": self.echo,
            b"/wait": self.wait,
            b"/stream": self.stream,
            b"/unread": self.unread,
            b"/limited": self.limited,
            b"/broken": self.broken,
            b"/flood": self.flood,
        }
        try:
            await answers[exchange.path](exchange)
        except HttpError as error:
            await exchange.refuse(error)

    async def echo(self, exchange: Exchange) -> None:
        await exchange.respond(200, (), await exchange.body.read())

    async def wait(self, exchange: Exchange) -> None:
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        await exchange.respond(200, (), b"waited")

    async def stream(self, exchange: Exchange) -> None:
        await exchange.start(200, ())
        async for chunk in exchange.body.chunks():
            await exchange.write(chunk)
        await exchange.finish()

    async def unread(self, exchange: Exchange) -> None:
        await exchange.respond(200, (), b"not read")

    async def limited(self, exchange: Exchange) -> None:
        exchange.body.limit = 10
        await exchange.respond(200, (), await exchange.body.read())

    async def broken(self, exchange: Exchange) -> None:
        await exchange.start(200, ())
        await exchange.write(b"half")
        raise Disconnected("cut")

    async def flood(self, exchange: Exchange) -> None:
        await exchange.start(200, ())
        try:
            while True:
                await exchange.write(b"x" * 65536)
        finally:
            self.gone += 1


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as directory:
        made = Served(Path(directory))
        await made.server.listen(Path(made.socket))
        yield made
        await made.server.close()


async def test_a_connection_serves_many_requests(served: Served) -> None:
    reader, writer = await asyncio.open_unix_connection(served.socket)
    for text in (b"one", b"two"):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 3\r\n\r\n" + text)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head == OK + b"content-length: 3\r\n\r\n"
        assert await reader.readexactly(3) == text
    writer.close()


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    served.release.set()
    count = 40  # more than may wait: reading pauses, nothing is lost
    requests = b"".join(
        b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n%02d" % n for n in range(count)
    )
    last = b"GET /wait HTTP/1.1\r\nconnection: close\r\n\r\n"
    raw = await talk(served.socket, requests + last)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in raw.split(OK)[1:]]
    assert bodies == [b"%02d" % n for n in range(count)] + [b"waited"]


async def test_chunked_bodies_come_in_and_go_out(served: Served) -> None:
    raw = await talk(
        served.socket,
        b"POST /stream HTTP/1.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )
    assert Answer(raw).body == b"abcde"


async def test_http_1_0_gets_a_body_that_ends_with_the_connection(served: Served) -> None:
    raw = await talk(served.socket, b"POST /stream HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc")
    assert raw == OK + b"connection: close\r\n\r\nabc"


async def test_head_has_the_length_but_no_body(served: Served) -> None:
    served.release.set()
    answer = await http(served.socket, "HEAD", "/wait")
    assert (answer.headers["content-length"], answer.body) == ("6", b"")


async def test_expect_continue_is_answered_when_the_body_is_wanted(served: Served) -> None:
    reader, writer = await asyncio.open_unix_connection(served.socket)
    writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(OK)
    assert await reader.readexactly(3) == b"abc"
    writer.close()


async def test_expect_continue_is_not_answered_when_nobody_wants_the_body(served: Served) -> None:
    raw = await talk(
        served.socket, b"POST /unread HTTP/1.1\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n"
    )
    assert raw.startswith(OK)
    assert b"connection: close" in raw


async def test_a_large_body_makes_the_round_trip(served: Served) -> None:
    body = bytes(range(256)) * 16384  # 4 MiB
    assert (await http(served.socket, "POST", "/echo", body)).body == body
    assert (await http(served.socket, "POST", "/stream", body)).body == body


async def test_a_body_over_the_limit_is_413(served: Served) -> None:
    answer = await http(served.socket, "POST", "/limited", b"x" * 11)
    assert answer.status == 413
    assert b"limit of 10 bytes" in answer.body
    assert (await http(served.socket, "POST", "/limited", b"x" * 10)).status == 200


async def test_an_answer_gets_through_although_the_body_was_not_read(served: Served) -> None:
    answer = await http(served.socket, "POST", "/unread", b"x" * 1_000_000)
    assert answer.body == b"not read"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /echo HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
        (b"GET /echo HTTP/1.1\r\na: " + b"b" * 70_000 + b"\r\n\r\n", 431),
    ],
)
async def test_malformed_and_oversized_requests_are_refused(
    served: Served, raw: bytes, status: int
) -> None:
    answer = Answer(await talk(served.socket, raw))
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_both_lengths_at_once_never_make_two_requests(served: Served) -> None:
    raw = await talk(
        served.socket,
        b"POST /echo HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /unread HTTP/1.1\r\n\r\n",
    )
    assert raw.count(b"HTTP/1.1 ") == 1
    assert b"not read" not in raw


async def test_an_upgrade_is_declined(served: Served) -> None:
    raw = await talk(
        served.socket,
        b"GET /unread HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    )
    assert raw.startswith(OK)
    assert raw.endswith(b"not read")


async def test_a_handler_is_cancelled_when_its_client_goes_away(served: Served) -> None:
    _, writer = await asyncio.open_unix_connection(served.socket)
    writer.write(b"GET /wait HTTP/1.1\r\n\r\n")
    await eventually(lambda: served.server.in_flight == 1, "the request is being handled")
    writer.close()
    await eventually(lambda: served.cancelled == 1, "the handler is cancelled")
    await eventually(lambda: served.server.in_flight == 0, "nothing is in flight")


async def test_a_slow_client_makes_the_handler_wait_and_its_end_frees_it(served: Served) -> None:
    reader, writer = await asyncio.open_unix_connection(served.socket)
    writer.write(b"GET /flood HTTP/1.1\r\n\r\n")
    await reader.readexactly(100)
    writer.transport.abort()
    await eventually(lambda: served.gone == 1, "the flood has ended")


async def test_an_answer_that_breaks_off_is_not_mistaken_for_a_whole_one(served: Served) -> None:
    raw = await talk_until_broken(served.socket, b"GET /broken HTTP/1.1\r\n\r\n")
    assert not raw.endswith(b"0\r\n\r\n")


async def talk_until_broken(socket: str, raw: bytes) -> bytes:
    try:
        return await talk(socket, raw)
    except ConnectionResetError:
        return b""


async def test_draining_closes_idle_connections_and_waits_for_busy_ones(served: Served) -> None:
    idle_reader, idle_writer = await asyncio.open_unix_connection(served.socket)
    idle_writer.write(b"GET /unread HTTP/1.1\r\n\r\n")
    await idle_reader.readuntil(b"not read")
    busy = asyncio.get_running_loop().create_task(http(served.socket, "GET", "/wait"))
    await eventually(lambda: served.server.in_flight == 1, "one request is being handled")
    draining = asyncio.get_running_loop().create_task(served.server.drain(10.0))
    assert await idle_reader.read() == b""
    assert not draining.done()
    served.release.set()
    assert (await busy).headers["connection"] == "close"
    assert await draining
    idle_writer.close()
    with pytest.raises(OSError, match=r"refused|No such file"):
        await asyncio.open_unix_connection(served.socket)


async def test_requests_on_their_way_while_draining_begins_are_answered(served: Served) -> None:
    kept_reader, kept_writer = await asyncio.open_unix_connection(served.socket)
    kept_writer.write(b"GET /unread HTTP/1.1\r\n\r\n")
    await kept_reader.readuntil(b"not read")
    draining = asyncio.get_running_loop().create_task(served.server.drain(10.0))
    await eventually(lambda: served.server.is_draining, "draining has begun")
    kept_writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 4\r\n\r\nkept")
    answer = await kept_reader.read()
    assert b"connection: close" in answer
    assert answer.endswith(b"kept")
    assert (await http(served.socket, "POST", "/echo", b"new")).body == b"new"
    kept_writer.close()
    assert await draining


async def test_a_request_that_stalls_is_given_up(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = await asyncio.open_unix_connection(served.socket)
    writer.write(b"GET /echo HTTP/1.1\r\nhost:")
    await eventually(lambda: len(served.server.connections) == 1, "connected")
    monkeypatch.setattr(http_module, "STALL_S", 0.0)
    (connection,) = served.server.connections
    await eventually(lambda: connection._receiving is not None, "the head has begun")
    connection.close_if_overdue(asyncio.get_running_loop().time() + 1)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
