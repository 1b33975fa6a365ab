import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aether.host.body import HIGH_WATER_BYTES, Body, Disconnected
from aether.host.exchange import Exchange
from aether.host.wsgi.pipe import Pipe
from tests.integration.host_rig import eventually

WITHIN_S = 10.0


class Client:
    """The other end of an exchange, which may be slow or leave."""

    def __init__(self) -> None:
        self.sent = b""
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.has_left = False

    def send(self, data: bytes) -> None:
        self.sent += data

    async def writable(self) -> None:
        await self.may_write.wait()
        if self.has_left:
            raise Disconnected("the client went away")

    def may_keep_alive(self, exchange: Exchange) -> bool:
        return True


def made() -> tuple[Client, Exchange, Pipe]:
    client = Client()
    exchange = Exchange(client, Body(lambda: None, lambda: None))
    exchange.method = "GET"
    return client, exchange, Pipe(exchange)


def in_thread(pipe: Pipe, work: Callable[[], None]) -> threading.Thread:
    """Run `work` as the thread of a request is run: its end is told to the loop."""
    loop = asyncio.get_running_loop()

    def run() -> None:
        failure: BaseException | None = None
        try:
            work()
        except (ValueError, Disconnected) as raised:
            failure = raised
        loop.call_soon_threadsafe(pipe.over, failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def begin(work: Coroutine[Any, Any, BaseException | None]) -> asyncio.Task[BaseException | None]:
    return asyncio.get_running_loop().create_task(work)


async def carried(pipe: Pipe) -> BaseException | None:
    async with asyncio.timeout(WITHIN_S):
        return await pipe.carry()


async def test_head_blocks_and_end_arrive_in_their_order() -> None:
    client, exchange, pipe = made()
    exchange.http_1_0 = True  # so that the body is not in chunks

    def work() -> None:
        pipe.start(200, ((b"x", b"1"),))
        for number in range(1000):
            pipe.put(b"%d," % number)
        pipe.finish()

    in_thread(pipe, work)
    assert await carried(pipe) is None
    assert exchange.finished
    head, _, body = client.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nx: 1")
    assert body == b"".join(b"%d," % number for number in range(1000))


async def test_a_slow_client_stops_the_thread_at_a_bounded_amount() -> None:
    client, _, pipe = made()
    client.may_write.clear()
    put = 0

    def work() -> None:
        nonlocal put
        pipe.start(200, ())
        for _ in range(100):
            pipe.put(b"x" * (HIGH_WATER_BYTES // 4))
            put += 1
        pipe.finish()

    in_thread(pipe, work)
    carrying = begin(carried(pipe))
    await eventually(lambda: put >= 4, "four blocks are there")
    for _ in range(1000):  # turns in which the thread could go on if it were let
        await asyncio.sleep(0)
    assert put <= 5
    client.may_write.set()
    assert await carrying is None
    assert (put, client.sent.count(b"x") // (HIGH_WATER_BYTES // 4)) == (100, 100)


async def test_a_client_that_leaves_stops_the_thread_at_its_next_block() -> None:
    client, _, pipe = made()
    told = threading.Event()

    def work() -> None:
        pipe.start(200, ())
        pipe.put(b"first")
        assert told.wait(WITHIN_S)
        while True:
            pipe.put(b"x" * 100)

    in_thread(pipe, work)
    carrying = begin(carried(pipe))
    await eventually(lambda: b"first" in client.sent, "the first block has arrived")
    client.has_left = True
    told.set()
    assert isinstance(await carrying, Disconnected)


async def test_a_thread_that_waits_for_room_hears_that_the_client_has_left() -> None:
    client, _, pipe = made()
    client.may_write.clear()
    is_full = threading.Event()

    def work() -> None:
        pipe.start(200, ())
        pipe.put(b"x" * HIGH_WATER_BYTES)
        is_full.set()
        pipe.put(b"y")

    in_thread(pipe, work)
    carrying = begin(carried(pipe))
    await eventually(is_full.is_set, "the thread has no room")
    client.has_left = True
    client.may_write.set()
    failure = await carrying
    assert failure is None or isinstance(failure, Disconnected)
    assert b"y" not in client.sent


async def test_a_carrier_that_is_cancelled_lets_the_thread_know() -> None:
    client, _, pipe = made()
    raised: list[BaseException] = []
    go_on = threading.Event()

    def work() -> None:
        pipe.start(200, ())
        assert go_on.wait(WITHIN_S)
        try:
            pipe.put(b"x")
        except Disconnected as left:
            raised.append(left)

    thread = in_thread(pipe, work)
    carrying = begin(carried(pipe))
    await eventually(lambda: bool(client.sent), "the head has left")
    carrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await carrying
    go_on.set()
    await asyncio.to_thread(thread.join, WITHIN_S)
    assert len(raised) == 1


async def test_what_the_thread_failed_with_is_told() -> None:
    _, exchange, pipe = made()
    problem = ValueError("no")

    def work() -> None:
        raise problem

    in_thread(pipe, work)
    assert await carried(pipe) is problem
    assert not exchange.started
