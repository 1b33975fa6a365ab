"""The management port over a real socket."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from aether.api import server as server_module
from aether.api.server import ApiServer
from aether.errors import Unavailable
from aether.store.backup.inline import InlineBackups
from tests.api_world import ApiWorld


@pytest.fixture
async def served() -> AsyncIterator[tuple[ApiWorld, int]]:
    world = ApiWorld()
    await world.start()
    server = ApiServer(world.api, "127.0.0.1", 0)
    await server.start()
    yield world, server.port
    await server.stop()
    await world.stop()


def _ask(
    port: int, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})  # type: ignore[arg-type] # whatever http.client takes
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


async def test_a_call_goes_in_and_its_answer_out(served: tuple[ApiWorld, int]) -> None:
    world, port = served
    put, body = await asyncio.to_thread(
        _ask, port, "PUT", "/api/v1/kv/a%2Fb", b"\x00\xff", {"X-Request-Id": "r-1"}
    )
    assert (put.status, put.headers["x-request-id"]) == (200, "r-1")
    assert json.loads(body)["revision"] == world.store.revision
    entry = await world.store.get("a/b")
    assert entry is not None
    assert entry.value == b"\x00\xff"


async def test_head_has_no_body(served: tuple[ApiWorld, int]) -> None:
    response, body = await asyncio.to_thread(_ask, served[1], "HEAD", "/health/live")
    assert (response.status, body) == (200, b"")


async def test_problems_keep_their_type_and_id(served: tuple[ApiWorld, int]) -> None:
    for method, path, status in (("GET", "/nope", 404), ("PATCH", "/api/v1/nodes", 405)):
        response, body = await asyncio.to_thread(_ask, served[1], method, path)
        assert response.status == status
        assert response.headers["content-type"] == "application/problem+json"
        assert json.loads(body)["instance"] == response.headers["x-request-id"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused_unread(
    served: tuple[ApiWorld, int], chunked: bool
) -> None:
    size = 2 * 1024 * 1024
    body: object = iter([b"x" * 65536] * (size // 65536)) if chunked else b"x" * size
    response, answer = await asyncio.to_thread(_ask, served[1], "PUT", "/api/v1/kv/big", body)
    assert response.status == 413
    assert json.loads(answer)["limit"] == 1024 * 1024
    assert await served[0].store.get("big") is None


async def test_a_wheel_of_many_megabytes_is_taken(served: tuple[ApiWorld, int]) -> None:
    path = "/api/v1/artifacts?filename=x.whl"
    response, body = await asyncio.to_thread(_ask, served[1], "POST", path, b"x" * 20_000_000)
    assert response.status == 201
    assert json.loads(body)["size"] == 20_000_000


async def test_calls_over_the_limit_are_told_to_come_back(
    served: tuple[ApiWorld, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MAX_CALLS", 0)
    response, body = await asyncio.to_thread(_ask, served[1], "GET", "/health/live")
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert json.loads(body)["code"] == "overloaded"


async def test_a_body_that_does_not_arrive_is_given_up(
    served: tuple[ApiWorld, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "READ_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", served[1])
    writer.write(b"PUT /api/v1/kv/a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
    writer.close()
    await writer.wait_closed()


async def test_a_taken_port_is_an_error_that_leaves_nothing(served: tuple[ApiWorld, int]) -> None:
    second = ApiServer(served[0].api, "127.0.0.1", served[1])
    with pytest.raises(OSError, match="address already in use"):
        await second.start()
    await second.stop()


async def test_a_backup_is_streamed_and_one_that_breaks_is_cut_off(
    served: tuple[ApiWorld, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, port = served
    await world.put({f"app/{n}": bytes(20_000) for n in range(50)})
    response, body = await asyncio.to_thread(_ask, port, "GET", "/api/v1/backup")
    assert response.status == 200
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["transfer-encoding"] == "chunked"
    assert len(body) > 1_000_000
    head, nothing = await asyncio.to_thread(_ask, port, "HEAD", "/api/v1/backup")
    assert (head.status, nothing) == (200, b"")

    async def breaks(_: InlineBackups, timeout_s: float) -> AsyncGenerator[bytes, None]:
        yield b"x" * 1000
        raise Unavailable(f"gone within {timeout_s}")

    monkeypatch.setattr(InlineBackups, "take", breaks)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        await asyncio.to_thread(_ask, port, "GET", "/api/v1/backup")


async def test_what_is_not_http_is_answered_and_does_not_fill_the_log(
    served: tuple[ApiWorld, int], caplog: pytest.LogCaptureFixture
) -> None:
    for data in (
        b"\x80\x04" * 2000,
        b"GET /" + b"a" * 100_000,
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 9000,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", served[1])
        writer.write(data)
        async with asyncio.timeout(10):
            assert b" 400 " in await reader.readline()
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    assert caplog.records == []
