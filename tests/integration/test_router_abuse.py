"""Clients that mean harm, or are only slow, before a real router process: others are served."""

import asyncio
import contextlib
import gzip
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from tests.integration.router_rig import (
    POLL_S,
    Message,
    Origin,
    Rig,
    RouterProcess,
    Wire,
    fetch,
    head,
    local,
    row,
    rss_bytes,
    until,
)

MIB = 1024 * 1024
SLOW_CLIENTS = 200
CROWD = 5000
PAUSE_S = 0.1
"""Between two reads of a slow reader: with 1,000 bytes each it takes 10 kB/s at most."""
OF_ONE_ADDRESS = 1024
"""What the limits allow one address."""
ELSEWHERE = "127.0.0.2"
"""Another address of this machine."""


@pytest.fixture
async def router(rig: Rig, echo: Origin) -> RouterProcess:
    made = await rig.router()
    await made.use([row(timeout_s=5.0)], [local("node-1", echo)])
    return made


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open as many sockets as the tests need."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < CROWD + 200:
        pytest.skip(f"{before[1]} files may be open here, {CROWD + 200} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (CROWD + 200, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_two_hundred_slow_heads_keep_nobody_waiting(router: RouterProcess) -> None:
    """Slowloris: heads that go on and on are cut off, and a good client notices nothing."""
    async with contextlib.AsyncExitStack() as stack:
        slow = [
            await stack.enter_async_context(Wire.to(router.public)) for _ in range(SLOW_CLIENTS)
        ]
        good = await stack.enter_async_context(Wire.to(router.public))
        dripping = asyncio.gather(*(_drip(wire) for wire in slow))
        longest, statuses = 0.0, set[int]()
        while not dripping.done():
            began = time.monotonic()
            statuses.add((await good.get("/")).status)
            longest = max(longest, time.monotonic() - began)
            await asyncio.sleep(POLL_S)
        refusals = {answer.split(b" ")[1] for answer in await dripping}
    assert statuses == {200}
    assert refusals == {b"408"}
    assert longest < 5.0


async def _drip(wire: Wire) -> bytes:
    """Send a head without an end, line by line, until there is an answer; return how it begins."""
    wire.writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
    async with asyncio.timeout(100):
        while True:
            wire.writer.write(b"X: y\r\n")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    return await wire.reader.readexactly(12)


async def test_five_thousand_connections_of_one_address_leave_room_for_others(
    router: RouterProcess, many_files: None
) -> None:
    host, _, port = router.public.rpartition(":")
    async with contextlib.AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(Wire.to(router.public)) for _ in range(CROWD)]
        reader, writer = await asyncio.open_connection(host, int(port), local_addr=(ELSEWHERE, 0))
        other = Wire(reader, writer)
        statuses = [(await other.get("/")).status for _ in range(20)]
        refused = [wire for wire in crowd if await _is_refused(wire)]
        first = (await crowd[0].get("/")).status
        health = (await fetch(router.local, "/_aether/health")).json()
        writer.close()
        await writer.wait_closed()
    assert statuses == [200] * 20
    assert len(refused) == CROWD - OF_ONE_ADDRESS
    assert first == 200
    assert health["clients"] <= OF_ONE_ADDRESS + 3
    assert router.log().count("as many connections as it may") <= 3
    await until_held(router, 1)
    assert (await fetch(router.public, "/")).status == 200


async def until_held(router: RouterProcess, most: int) -> None:
    """Wait until no more clients than that are connected: what is closed is given back."""
    async with asyncio.timeout(60):
        while (await fetch(router.local, "/_aether/health")).json()["clients"] > most:  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(POLL_S)


async def _is_refused(wire: Wire) -> bool:
    """Whether the router has answered without having been asked, and closed."""
    try:
        async with asyncio.timeout(0.01):
            answer = await wire.reader.read()
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return answer.startswith(b"HTTP/1.1 503") and b"retry-after" in answer


async def test_slow_reader_of_a_large_answer_takes_no_memory(rig: Rig) -> None:
    """64 MiB at a few kilobytes a read: the router waits with the instance's answer, it keeps none."""
    sent = 0

    async def large(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (64 * MIB))
        for _ in range(1024):
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    origin = await rig.origin("l", large)
    router = await rig.router()
    await router.use([row(timeout_s=1.0)], [local("node-1", origin)])
    before = rss_bytes(router.pid)
    reader, writer = await slow_connection(router.public)
    writer.write(head("/").encode())
    taken, ends_at = 0, time.monotonic() + 6.0
    while time.monotonic() < ends_at:
        taken += len(await reader.read(1000))
        await asyncio.sleep(PAUSE_S)
    held = sent - taken
    grown = rss_bytes(router.pid) - before
    is_open = not reader.at_eof()
    async with asyncio.timeout(30):
        while piece := await reader.read(MIB):
            taken += len(piece)
            if taken > 64 * MIB:
                break
    writer.close()
    await writer.wait_closed()
    assert is_open, "a route's time-out is no bound on a client that goes on reading"
    assert 0 < held < 8 * MIB
    assert grown < 4 * MIB
    assert taken > 64 * MIB


async def slow_connection(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect with so small a buffer that the kernel does not read ahead of us."""
    host, _, port = address.rpartition(":")
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, (host, int(port)))
    return await asyncio.open_connection(sock=made, limit=1024)


async def test_a_client_that_reads_nothing_is_let_go(rig: Rig) -> None:
    """What it was sent stays in buffers; after the route's time and a look it is cut off."""

    async def endless(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (64 * MIB))
        with contextlib.suppress(ConnectionError):
            for _ in range(1024):
                writer.write(b"x" * 65536)
                await writer.drain()

    origin = await rig.origin("e", endless)
    router = await rig.router()
    await router.use([row(timeout_s=0.5)], [local("node-1", origin)])
    before = rss_bytes(router.pid)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(50):
            _, writer = await slow_connection(router.public)
            stack.callback(writer.close)
            writer.write(head("/").encode())
        await until(lambda: len(origin.requests) == 50)
        grown = rss_bytes(router.pid) - before
        assert (await fetch(router.local, "/_aether/health")).status == 200
    assert grown < 50 * MIB // 2


async def test_compressed_bodies_are_never_unpacked(router: RouterProcess) -> None:
    """A gzip bomb is so many bytes to the router; what unpacks it has a limit of its own."""
    bomb = gzip.compress(bytes(64 * MIB), 9)
    before = rss_bytes(router.pid)
    lines = ("Content-Encoding: gzip", f"Content-Length: {len(bomb)}")
    async with Wire.to(router.public) as wire:
        answer = await wire.ask(head("/", *lines, method="POST").encode() + bomb)
    assert answer.status == 200
    assert answer.json()["headers"]["content-encoding"] == "gzip"
    assert answer.json()["body"].encode("latin-1") == bomb
    assert rss_bytes(router.pid) - before < 16 * MIB


async def test_an_endless_chunked_body_ends_at_the_limit(rig: Rig, echo: Origin) -> None:
    router = await rig.router()
    await router.use([row(timeout_s=5.0, body_limit=MIB)], [local("node-1", echo)])
    async with Wire.to(router.public) as wire:
        wire.writer.write(head("/", "Transfer-Encoding: chunked", method="POST").encode())
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                wire.writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                await wire.writer.drain()
        answer = await wire.read()
    assert (answer.status, answer.json()["code"]) == (413, "too_large")


async def test_rubbish_costs_a_refusal_each(router: RouterProcess) -> None:
    for _ in range(200):
        async with Wire.to(router.public) as wire:
            assert (await wire.ask(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")).status == 400
    assert (await fetch(router.public, "/")).status == 200
    assert "Traceback" not in router.log()
