"""WebSocket and other switches of protocol through the router, and through two of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import aiohttp
from aiohttp import web

from tests.integration.router_rig import (
    POLL_S,
    WAIT_S,
    Message,
    Origin,
    Rig,
    Wire,
    head,
    instance,
    local,
    plain,
    remote,
    row,
    until,
)
from tests.integration.upstream_rig import RouterHere, serving

BIG = 1024 * 1024
STANDS_STILL_S = 0.2
UPGRADE = ("Connection: Upgrade", "Upgrade: raw")


@asynccontextmanager
async def echo_application(path: Path) -> AsyncIterator[None]:
    """Serve an unmodified aiohttp application with a WebSocket on a Unix socket."""

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=2 * BIG, protocols=("chat",))
        await socket.prepare(request)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT and message.data == "bye":
                await socket.close(code=4001, message=b"as you wish")
            elif message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(f"{request.headers['x-forwarded-for']} {message.data}")
            else:
                await socket.send_bytes(message.data)
        return socket

    application = web.Application()
    application.router.add_get("/ws", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def talk(router: RouterHere) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"http://{router.public}/ws", protocols=("chat",), max_msg_size=2 * BIG
        ) as socket,
    ):
        assert socket.protocol == "chat"
        await socket.send_str("hello")
        assert await socket.receive_str() == "127.0.0.1 hello"
        big = bytes(range(256)) * (BIG // 256)
        await socket.send_bytes(big)
        assert await socket.receive_bytes() == big
        assert router.in_flight == [1]
        await socket.send_str("bye")
        ended = await socket.receive()
        assert (ended.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 4001)


async def test_a_websocket_of_an_unmodified_application(rig: Rig) -> None:
    origin = Origin(rig.folder / "app.sock")
    async with (
        echo_application(origin.path),
        serving([row()], [local("node-1", origin)]) as router,
    ):
        async with asyncio.timeout(WAIT_S):
            await talk(router)
        await until(lambda: router.in_flight == [0] and not router.context.clients)
        assert router.context.retries == 0


async def test_a_websocket_on_another_node(rig: Rig) -> None:
    origin = Origin(rig.folder / "app.sock")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(echo_application(origin.path))
        near = local("node-2", origin)
        two = await stack.enter_async_context(serving([row()], [near], node="node-2"))
        one = await stack.enter_async_context(serving([row()], [remote("node-2", two.mesh)]))
        async with asyncio.timeout(WAIT_S):
            await talk(one)
        await until(lambda: one.in_flight == two.in_flight == [0])
        assert one.context.retries == two.context.retries == 0


async def switch(_: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Switch protocols and answer each piece in upper case until there is no more."""
    writer.write(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: raw\r\n\r\nready ")
    while piece := await reader.read(100):
        writer.write(piece.upper())


async def opened(wire: Wire) -> Message:
    wire.writer.write(head("/", *UPGRADE).encode())
    async with asyncio.timeout(WAIT_S):
        answer = await wire.read()
        assert await wire.reader.readexactly(6) == b"ready "
        return answer


async def test_bytes_go_both_ways_and_either_end_ends_both(rig: Rig) -> None:
    origin = await rig.origin("raw", switch)
    async with serving([row()], [local("node-1", origin)]) as router:
        async with Wire.to(router.public) as wire:
            answer = await opened(wire)
            assert answer.status == 101
            assert answer.headers["upgrade"] == "raw"
            assert answer.headers["connection"].lower() == "upgrade"
            assert answer.headers["x-aether-instance"] == instance(0)
            asked = origin.requests[0].headers
            assert (asked["upgrade"], asked["connection"].lower()) == ("raw", "upgrade")
            wire.writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await wire.reader.readexactly(18) == b"GET / HTTP/1.1\r\n\r\n"
            assert router.in_flight == [1]
        await until(lambda: router.in_flight == [0])
        async with Wire.to(router.public) as wire:
            await opened(wire)
            await origin.kill()
            assert await wire.is_closed()
        await until(lambda: router.in_flight == [0])


async def test_a_silent_tunnel_ends_and_one_that_is_used_does_not(rig: Rig) -> None:
    origin = await rig.origin("raw", switch)
    async with serving([row(timeout_s=5.0)], [local("node-1", origin)]) as router:
        async with Wire.to(router.public) as wire:
            await opened(wire)
            for _ in range(4):
                router.ahead_s += 4.0
                wire.writer.write(b"x")
                assert await wire.reader.readexactly(1) == b"X"
            router.ahead_s += 5.1
            assert await wire.is_closed()
        await until(lambda: router.in_flight == [0])


async def test_a_switch_nobody_asked_for_is_no_answer(rig: Rig) -> None:
    origin = await rig.origin("raw", switch)
    async with serving([row()], [local("node-1", origin)]) as router:
        for lines in ((), ("Upgrade: raw",), ("Connection: Upgrade",)):
            async with Wire.to(router.public) as wire:
                answer = await wire.get("/", *lines)
                assert (answer.status, answer.json()["code"]) == (502, "upstream_lost"), lines
        assert router.in_flight == [0]


async def test_an_instance_may_decline_and_the_connection_lives_on(rig: Rig) -> None:
    async def decline(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(plain(b"no", status="426 Upgrade Required"))

    origin = await rig.origin("raw", decline)
    async with (
        serving([row()], [local("node-1", origin)]) as router,
        Wire.to(router.public) as wire,
    ):
        for _ in range(3):
            assert (await wire.get("/", *UPGRADE)).status == 426
        assert origin.connections == 1


async def test_a_slow_reader_of_a_tunnel_stops_the_sender(rig: Rig) -> None:
    sent = 0

    async def pour(
        request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: raw\r\n\r\nready ")
        while sent < 256 * BIG:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    origin = await rig.origin("raw", pour)
    async with (
        serving([row()], [local("node-1", origin)]) as router,
        Wire.to(router.public) as wire,
    ):
        await opened(wire)
        transport = cast("asyncio.Transport", wire.writer.transport)
        transport.pause_reading()
        stood_still_s, seen = 0.0, -1
        while stood_still_s < STANDS_STILL_S:  # once every buffer on the way is full
            stood_still_s, seen = (stood_still_s + POLL_S if seen == sent else 0.0), sent
            await asyncio.sleep(POLL_S)
        assert sent < 32 * BIG
        transport.resume_reading()
        async with asyncio.timeout(WAIT_S):
            await wire.reader.readexactly(seen // 2)
        assert sent >= seen
