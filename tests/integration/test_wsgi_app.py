"""A WSGI application behind the HTTP server a host gives it: what takes a thread, what is held, what waits."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from aether.host.http import HttpServer
from aether.host.wsgi.app import WsgiApp
from aether.host.wsgi.threads import Threads
from tests.example_slices import import_example
from tests.integration.host_rig import eventually, http, talk

WITHIN_S = 10.0
MIB = 1024 * 1024
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Served:
    """An application on a socket, with its threads in view."""

    def __init__(self, socket: str, server: HttpServer, threads: Threads) -> None:
        self.socket = socket
        self.server = server
        self.threads = threads


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder)

        async def start(app: Application, threads: int = 2, prefix: str = "") -> Served:
            pool = Threads(threads)
            server = HttpServer(WsgiApp(app, prefix, pool), cancel_when_gone=False)
            await server.listen(folder / "s")
            stack.push_async_callback(pool.stop)
            stack.push_async_callback(server.close)
            return Served(str(folder / "s"), server, pool)

        yield start


def text(start_response: Any, body: bytes) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]


async def test_the_example_is_served(serve: Serve) -> None:
    served = await serve(import_example("hello_wsgi").app, prefix="/wsgi")
    assert (await http(served.socket, "GET", "/wsgi")).body == b"Hello, world!\n"
    assert (await http(served.socket, "GET", "/wsgi/count/1001")).status == 422
    reader, writer = await asyncio.open_unix_connection(served.socket)
    writer.write(b"GET /wsgi/count/1000 HTTP/1.1\r\nhost: example.org\r\n\r\n")
    async with asyncio.timeout(5.0):  # the last line is ten seconds away
        assert (await reader.readuntil(b"2\n")).startswith(b"HTTP/1.1 200")
    writer.close()
    await eventually(lambda: served.server.in_flight == 0, "the count has ended with its client")
    outside = await http(served.socket, "GET", "/other")
    assert (outside.status, served.threads.busy) == (404, 0)


async def test_requests_on_one_connection_are_answered_in_turn(serve: Serve) -> None:
    served = await serve(lambda environ, start: text(start, environ["PATH_INFO"].encode() + b";"))
    requests = b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(50))
    last = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answers = (await talk(served.socket, requests + last)).split(b"HTTP/1.1 200 OK\r\n")
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers[1:]]
    assert bodies == [*(b"/%d;" % number for number in range(50)), b"/last;"]


async def test_a_small_body_is_here_before_a_thread_is_taken(serve: Serve) -> None:
    served = await serve(lambda environ, start: text(start, environ["wsgi.input"].read()))
    reader, writer = await asyncio.open_unix_connection(served.socket)
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab")
    await eventually(lambda: served.server.in_flight == 1, "the request has begun")
    assert served.threads.busy == 0, "a slow client keeps no thread busy"
    assert (await http(served.socket, "POST", "/", b"other")).body == b"other"
    writer.write(b"cd")
    async with asyncio.timeout(WITHIN_S):
        assert (await reader.readuntil(b"abcd")).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()


async def test_a_large_body_waits_for_its_reader(serve: Serve) -> None:
    go_on, sizes = threading.Event(), []

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        sizes.append(len(environ["wsgi.input"].read(10)))
        assert go_on.wait(WITHIN_S)
        return text(start, b"%d" % len(environ["wsgi.input"].read()))

    served = await serve(app)
    reader, writer = await asyncio.open_unix_connection(served.socket)
    writer.transport.set_write_buffer_limits(high=64 * 1024)
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (8 * MIB))
    sent = 0

    async def upload() -> None:
        nonlocal sent
        for _ in range(128):
            writer.write(b"x" * (MIB // 16))
            await writer.drain()
            sent += MIB // 16

    uploading = asyncio.get_running_loop().create_task(upload())
    await eventually(lambda: bool(sizes), "the application reads")
    stood = -1
    while stood != sent:  # until nothing moves any more
        stood = sent
        for _ in range(200):
            await asyncio.sleep(0)
    assert sent < 2 * MIB, "the client waits for the application"
    go_on.set()
    async with asyncio.timeout(WITHIN_S):
        await uploading
        head = await reader.readuntil(b"\r\n\r\n")
        assert await reader.read(20) == b"%d" % (8 * MIB - 10)
    assert head.startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_client_that_leaves_in_mid_upload_is_an_error_of_reading(serve: Serve) -> None:
    raised: list[str] = []

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as broken:
            raised.append(str(broken))
        return text(start, b"nobody hears this")

    served = await serve(app)
    _, writer = await asyncio.open_unix_connection(served.socket)
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nsome")
    await eventually(lambda: served.threads.busy == 1, "the application reads")
    writer.close()
    await eventually(lambda: bool(raised), "the application hears of it")
    await eventually(lambda: served.server.in_flight == 0, "the request is over")
    assert raised == ["the client went away"]
    assert served.threads.busy == 0


async def test_a_client_that_leaves_while_its_thread_works_is_in_flight_until_that_ends(
    serve: Serve,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        begun.set()
        assert go_on.wait(WITHIN_S)
        return text(start, b"nobody hears this")

    served = await serve(app, threads=1)
    _, writer = await asyncio.open_unix_connection(served.socket)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await eventually(begun.is_set, "the application works")
    writer.close()
    await eventually(lambda: not served.server.connections, "the client has gone")
    assert (served.server.in_flight, served.threads.busy) == (1, 1)
    assert await served.server.drain(0.05) is False, "a drain waits for it"
    go_on.set()
    await eventually(lambda: served.server.in_flight == 0, "the request is over")


async def test_who_leaves_the_line_is_not_served(serve: Serve) -> None:
    go_on, paths = threading.Event(), []

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        paths.append(environ["PATH_INFO"])
        assert go_on.wait(WITHIN_S)
        return text(start, b"")

    served = await serve(app, threads=1)
    first = asyncio.get_running_loop().create_task(http(served.socket, "GET", "/first"))
    await eventually(lambda: paths == ["/first"], "the thread is busy")
    _, leaver = await asyncio.open_unix_connection(served.socket)
    leaver.write(b"GET /leaver HTTP/1.1\r\nhost: x\r\n\r\n")
    await eventually(lambda: served.threads.waiting == 1, "one waits")
    leaver.close()
    await eventually(lambda: served.threads.waiting == 0, "it has left")
    go_on.set()
    assert (await first).status == 200
    assert (await http(served.socket, "GET", "/last")).status == 200
    assert paths == ["/first", "/last"]
    assert served.server.in_flight == 0


async def test_what_close_raises_does_not_harm_an_answer_that_is_whole(serve: Serve) -> None:
    class Answer(list[bytes]):
        def close(self) -> None:
            raise RuntimeError("on the way out")

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        text(start, b"")
        return Answer([b"whole"])

    served = await serve(app)
    assert (await http(served.socket, "GET", "/")).body == b"whole"
    assert (await http(served.socket, "GET", "/")).status == 200
    assert served.threads.busy == 0


@pytest.mark.parametrize("request_", [b"content-length: 1000000\r\n\r\nsome", b"\r\n"])
async def test_a_thread_that_waits_for_its_client_is_free_when_the_server_ends(
    serve: Serve, request_: bytes
) -> None:
    ended = threading.Event()

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        try:
            write = start("200 OK", [])
            while environ["wsgi.input"].read(10) or "CONTENT_LENGTH" not in environ:
                write(b"x" * MIB)
            return []
        finally:
            ended.set()

    served = await serve(app, threads=1)
    _, writer = await asyncio.open_unix_connection(served.socket, limit=1024)
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\n" + request_)
    await eventually(lambda: served.threads.busy == 1, "the application works")
    with capture_logs() as logs:
        await served.server.close()
        await served.threads.stop()
    assert ended.wait(WITHIN_S)
    assert (served.threads.busy, logs) == (0, [])
    writer.close()
