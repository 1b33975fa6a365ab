import asyncio

import pytest

from aether.host.body import HIGH_WATER_BYTES, Body, Disconnected
from aether.sdk import HttpError


class Flow:
    def __init__(self) -> None:
        self.steered = 0
        self.wanted = 0

    def body(self) -> Body:
        return Body(self.steer, self.want)

    def steer(self) -> None:
        self.steered += 1

    def want(self) -> None:
        self.wanted += 1


async def test_a_body_that_is_here_is_read_at_once() -> None:
    flow = Flow()
    body = flow.body()
    body.feed(b"abc")
    body.end()
    assert await body.read() == b"abc"
    assert await body.read() == b""
    assert flow.wanted == 0


async def test_a_reader_waits_for_what_is_on_its_way() -> None:
    flow = Flow()
    body = flow.body()
    reading = asyncio.get_running_loop().create_task(body.read())
    for chunk in (b"a", b"b", b"c"):
        await asyncio.sleep(0)
        body.feed(chunk)
    body.end()
    assert await reading == b"abc"
    assert flow.wanted > 0


async def test_a_body_over_its_limit_is_413_however_it_is_read() -> None:
    for complete in (True, False):
        body = Flow().body()
        body.limit = 2
        body.feed(b"abc")
        if complete:
            body.end()
        with pytest.raises(HttpError) as refused:
            await body.read()
        assert refused.value.status == 413


async def test_congestion_ends_when_the_reader_has_caught_up() -> None:
    flow = Flow()
    body = flow.body()
    for _ in range(5):
        body.feed(b"x" * (HIGH_WATER_BYTES // 4))
    assert body.is_congested
    before = flow.steered
    while body.holds_more:
        assert await body.next_chunk()
    assert not body.is_congested
    assert flow.steered > before


async def test_a_lost_client_ends_the_wait() -> None:
    body = Flow().body()
    reading = asyncio.get_running_loop().create_task(body.read())
    await asyncio.sleep(0)
    body.fail(Disconnected("gone"))
    with pytest.raises(Disconnected):
        await reading
    body.feed(b"late")
    assert not body.holds_more
