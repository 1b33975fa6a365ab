"""The examples behind the HTTP server a host gives them, over a real socket."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from aether.host.asgi import AsgiApp, Lifespan
from aether.host.http import App, HttpServer
from aether.host.serving import SliceApp
from aether.sdk.shape import shape_of
from tests.example_slices import LocalCaller, import_example, make_clicks, make_links
from tests.integration.host_rig import http

Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder)

        async def start(app: App, *, cancel_when_gone: bool = True) -> str:
            socket = folder / "s"
            server = HttpServer(app, cancel_when_gone=cancel_when_gone)
            await server.listen(socket)
            stack.push_async_callback(server.close)
            return str(socket)

        yield start


@pytest.fixture
async def hello(serve: Serve) -> AsyncIterator[str]:
    app = import_example("hello_asgi").app
    lifespan = Lifespan(app)
    await lifespan.start()
    yield await serve(AsgiApp(app, "/hello", lifespan.state), cancel_when_gone=False)
    await lifespan.stop()


@pytest.mark.parametrize("path", ["/hello", "/hello/"])
async def test_the_application_answers_at_its_prefix(hello: str, path: str) -> None:
    answer = await http(hello, "GET", path)
    assert (answer.status, answer.body) == (200, b"Hello, world!\n")


async def test_a_route_with_a_parameter_knows_where_it_is_mounted(hello: str) -> None:
    answer = await http(hello, "GET", "/hello/ada")
    assert (answer.status, json.loads(answer.body)) == (
        200,
        {"hello": "ada", "url": "http://example.org/hello/ada"},
    )
    assert (await http(hello, "GET", "/hello/no/such")).status == 404
    assert (await http(hello, "POST", "/hello/ada")).status == 405


async def test_counting_streams_line_by_line(hello: str) -> None:
    answer = await http(hello, "GET", "/hello/count/5")
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.body == b"1\n2\n3\n4\n5\n"
    assert (await http(hello, "GET", "/hello/count/1001")).status == 422

    reader, writer = await asyncio.open_unix_connection(hello)
    writer.write(b"GET /hello/count/1000 HTTP/1.1\r\nhost: example.org\r\n\r\n")
    async with asyncio.timeout(5.0):  # the last line is ten seconds away
        assert (await reader.readuntil(b"2\n")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_the_shortener_over_http(serve: Serve) -> None:
    links = make_links(LocalCaller({"org.example:clicks": make_clicks()}))
    socket = await serve(SliceApp(links, shape_of(type(links))))
    json_type = {"content-type": "application/json"}
    made = await http(
        socket, "POST", "/api/v1/urls", b'{"url": "https://example.org/x"}', json_type
    )
    assert (made.status, made.headers["content-type"]) == (201, "application/json")
    link = json.loads(made.body)
    assert link["short_url"] == f"http://example.org/{link['code']}"

    followed = await http(socket, "GET", f"/{link['code']}")
    assert (followed.status, followed.headers["location"]) == (302, "https://example.org/x")
    described = await http(socket, "GET", f"/api/v1/urls/{link['code']}")
    assert json.loads(described.body) == {
        "code": link["code"],
        "url": "https://example.org/x",
        "clicks": 1,
    }

    refused = await http(socket, "POST", "/api/v1/urls", b'{"url": "ftp://x"}', json_type)
    assert (refused.status, refused.headers["content-type"]) == (422, "application/problem+json")
    assert json.loads(refused.body)["errors"][0]["field"] == "url"
    assert (await http(socket, "GET", "/nosuch1")).status == 404
    large = await http(socket, "POST", "/api/v1/urls", b" " * (64 * 1024 + 1), json_type)
    assert (large.status, json.loads(large.body)["code"]) == (413, "too_large")
