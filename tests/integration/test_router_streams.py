"""Answers that come in pieces, with trailers, or without a body; and requests with trailers."""

import asyncio

import pytest

from tests.integration.router_rig import (
    WAIT_S,
    Message,
    Rig,
    Wire,
    head,
    local,
    plain,
    read_head,
    row,
    until,
)
from tests.integration.upstream_rig import serving

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"


async def test_events_arrive_one_by_one_and_only_silence_ends_them(rig: Rig) -> None:
    wanted = asyncio.Queue[bytes]()

    async def events(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(CHUNKED + b"content-type: text/event-stream\r\n\r\n")
        while event := await wanted.get():
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))

    origin = await rig.origin("sse", events)
    async with (
        serving([row(timeout_s=5.0)], [local("node-1", origin)]) as router,
        Wire.to(router.public) as wire,
        asyncio.timeout(WAIT_S),
    ):
        wire.writer.write(head("/events").encode())
        assert (await read_head(wire.reader)).headers["content-type"] == "text/event-stream"
        for number in range(4):
            event = b"data: %d\n\n" % number
            wanted.put_nowait(event)
            assert await wire.reader.readuntil(event + b"\r\n") == b"9\r\n" + event + b"\r\n"
            router.ahead_s += 4.0
        router.ahead_s += 5.1
        assert await wire.is_closed(), "a silent stream is cut, so that the client can tell"
        await until(lambda: router.in_flight == [0])
        wanted.put_nowait(b"")


@pytest.mark.parametrize("takes", [True, False])
async def test_trailers_reach_a_client_that_takes_them(rig: Rig, takes: bool) -> None:
    async def answer(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(CHUNKED + b"trailer: x-sum, content-length\r\n\r\n2\r\nok\r\n")
        writer.write(b"0\r\nX-Sum: 7\r\nContent-Length: 9\r\nX-Silent: 1\r\n\r\n")

    origin = await rig.origin("t", answer)
    lines = ("Connection: TE", "TE: trailers") if takes else ()
    async with (
        serving([row()], [local("node-1", origin)]) as router,
        Wire.to(router.public) as wire,
        asyncio.timeout(WAIT_S),
    ):
        wire.writer.write(head("/", *lines).encode())
        read = await read_head(wire.reader)
        body = await wire.reader.readuntil(b"\r\n\r\n")
        assert body == (b"2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n" if takes else b"2\r\nok\r\n0\r\n\r\n")
        assert read.headers.get("trailer") == ("x-sum" if takes else None)
        assert (await wire.get("/next")).status == 200, "the connection lives on"


async def test_trailers_of_a_request_reach_the_instance(rig: Rig) -> None:
    tail = asyncio.get_running_loop().create_future()

    async def read(
        _request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        tail.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.write(plain(b"ok"))

    origin = await rig.origin("t", read)
    async with (
        serving([row()], [local("node-1", origin)]) as router,
        Wire.to(router.public) as wire,
    ):
        lines = ("Transfer-Encoding: chunked", "Trailer: X-Sum")
        wire.writer.write(head("/", *lines, method="POST").encode())
        wire.writer.write(b"2\r\nab\r\n0\r\nX-Sum: 9\r\nX-Other: 1\r\n\r\n")
        assert (await wire.read()).status == 200
        assert await tail == b"2\r\nab\r\n0\r\nX-Sum: 9\r\n\r\n"
        assert origin.requests[0].headers["trailer"] == "x-sum"


@pytest.mark.parametrize(
    ("method", "answer", "head_says"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", "99"),
        ("HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", None),
        ("GET", b"HTTP/1.1 204 No\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 No\r\ncontent-length: 99\r\netag: x\r\n\r\n", "99"),
        ("GET", b"HTTP/1.1 103 Early\r\nlink: a\r\n\r\nHTTP/1.1 204 No\r\n\r\n", None),
    ],
)
async def test_answers_without_a_body(
    rig: Rig, method: str, answer: bytes, head_says: str | None
) -> None:
    async def give(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(answer)

    origin = await rig.origin("n", give)
    async with (
        serving([row()], [local("node-1", origin)]) as router,
        Wire.to(router.public) as wire,
    ):
        for _ in range(3):
            got = await wire.ask(head("/", method=method), method="HEAD")  # no body is read
            assert got.headers.get("content-length") == head_says
            assert "transfer-encoding" not in got.headers
            assert "link" not in got.headers, "what comes before an answer stays here"
        assert origin.connections == 1


async def test_a_route_says_of_itself_what_it_is(rig: Rig) -> None:
    origin = await rig.origin("v")
    marked = row(
        "/old", api_version="1.4", deprecated="2026-01-01T00:00:00Z", sunset="2027-01-01T00:00:00Z"
    )
    async with (
        serving([marked, row()], [local("node-1", origin)]) as router,
        Wire.to(router.public) as wire,
    ):
        for _ in range(2):
            headers = (await wire.get("/old")).headers
            assert headers["x-api-version"] == "1.4"
            assert headers["deprecation"] == "@1767225600"
            assert headers["sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
            assert "sunset" not in (await wire.get("/new")).headers
