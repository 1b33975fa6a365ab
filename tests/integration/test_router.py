"""A real router process in front of real origins: routing, framing, limits, retries."""

import asyncio
import contextlib
import re
from collections.abc import Callable

from tests.integration.router_rig import (
    BASE,
    POLL_S,
    WAIT_S,
    Message,
    Origin,
    Rig,
    RouterProcess,
    Wire,
    fetch,
    head,
    instance,
    local,
    row,
    rss_bytes,
)


async def test_forwards_a_request_and_names_who_answered(
    router: RouterProcess, echo: Origin
) -> None:
    answer = await fetch(router.public, "/a/b?c=%20d", "X-Mine: yes", "Cookie: k=v")
    seen = answer.json()
    assert answer.status == 200
    assert answer.headers["x-aether-instance"] == instance(0)
    assert seen["line"] == "GET /a/b?c=%20d HTTP/1.1"
    assert seen["headers"]["x-mine"] == "yes"
    assert seen["headers"]["host"] == "test"
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert seen["headers"]["x-forwarded-proto"] == "http"
    assert seen["headers"]["x-forwarded-host"] == "test"
    assert seen["headers"]["x-request-id"] == answer.headers["x-request-id"]


async def test_keeps_a_sane_request_id_and_replaces_another(router: RouterProcess) -> None:
    kept = await fetch(router.public, "/", "X-Request-Id: abc-1")
    made = await fetch(router.public, "/", f"X-Request-Id: {'x' * 129}")
    spaced = await fetch(router.public, "/", "X-Request-Id: a b")
    assert kept.headers["x-request-id"] == "abc-1"
    assert kept.json()["headers"]["x-request-id"] == "abc-1"
    for answer in (made, spaced):
        assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.headers["x-request-id"])


async def test_removes_what_ends_here_and_what_is_spoofed(router: RouterProcess) -> None:
    answer = await fetch(
        router.public,
        "/",
        "X-Aether-Slice: a:b",
        "x-aether-idempotent: 1",
        "Connection: keep-alive, X-Hop",
        "X-Hop: 1",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "Proxy-Authorization: secret",
        "Upgrade: websocket",
        "X-Forwarded-For: 10.9.8.7",
        "X-Forwarded-Proto: https",
    )
    headers = answer.json()["headers"]
    hidden = ("x-hop", "keep-alive", "proxy-authorization", "upgrade")
    assert not [each for each in headers if each.startswith("x-aether-") or each in hidden]
    assert (headers["connection"], headers["te"]) == ("te", "trailers")
    assert headers["x-forwarded-for"] == "10.9.8.7, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"


async def test_keeps_connections_on_both_sides(router: RouterProcess, echo: Origin) -> None:
    async with Wire.to(router.public) as wire:
        for number in range(20):
            answer = await wire.get(f"/{number}")
            assert answer.json()["line"] == f"GET /{number} HTTP/1.1"
    assert echo.connections == 1


async def test_answers_pipelined_requests_in_order(router: RouterProcess) -> None:
    requests = "".join(
        head(f"/{number}", "Content-Length: 2", method="POST") + f"{number:02}"
        if number % 2
        else head(f"/{number}")
        for number in range(40)
    )
    async with Wire.to(router.public) as wire:
        wire.writer.write(requests.encode())
        for number in range(40):
            answer = (await wire.read()).json()
            assert answer["line"].split(" ")[1] == f"/{number}"
            assert answer["body"] == (f"{number:02}" if number % 2 else "")


async def test_request_cut_into_single_bytes(router: RouterProcess) -> None:
    data = head("/slow", "Transfer-Encoding: chunked", method="POST") + "3\r\nabc\r\n0\r\n\r\n"
    async with Wire.to(router.public) as wire:
        for byte in data.encode():
            wire.writer.write(bytes([byte]))
            await wire.writer.drain()
        assert (await wire.read()).json()["body"] == "abc"


async def test_head_and_bodiless_answers_keep_the_connection(rig: Rig) -> None:
    async def answer(
        request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        status = request.line.split(" ")[1].removeprefix("/")
        if request.line.startswith("HEAD"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n")
        else:
            writer.write(f"HTTP/1.1 {status} X\r\netag: x\r\n\r\n".encode())

    origin = await rig.origin("b", answer)
    router = await rig.router()
    await router.use([row("/{*r}", "GET")], [local("node-1", origin)])
    async with Wire.to(router.public) as wire:
        assert (await wire.get("/x", method="HEAD")).headers["content-length"] == "1234"
        assert (await wire.get("/204")).status == 204
        assert (await wire.get("/304")).headers["etag"] == "x"
        assert (await wire.get("/x", method="HEAD")).status == 200
    assert origin.connections == 1


async def test_404_and_405(rig: Rig, echo: Origin) -> None:
    router = await rig.router()
    await router.use([row("/a", "GET"), row("/a", "POST")], [local("node-1", echo)])
    async with Wire.to(router.public) as wire:
        missing = await wire.ask(head("/b", "Content-Length: 3", method="POST") + "abc")
        wrong = await wire.get("/a", method="DELETE")
        assert (await wire.get("/a")).status == 200
        silent = await wire.get("/b", method="HEAD")
    assert (missing.status, missing.json()["code"]) == (404, "no_route")
    assert missing.headers["content-type"] == "application/problem+json"
    assert (wrong.status, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, HEAD, POST"
    assert (silent.status, silent.body) == (404, b"")


async def test_calls_of_hosts_are_not_reached_from_outside(router: RouterProcess) -> None:
    for path in ("/_aether/call/x", "/%5Faether/call/x", "/a/../_aether/call/x", "/_aether/health"):
        assert (await fetch(router.public, path, method="POST")).status == 404
    call = await fetch(router.local, "/_aether/call/x", f"x-aether-slice: {BASE}", method="POST")
    assert call.status == 200
    assert call.json()["headers"]["x-aether-slice"] == BASE
    unknown = await fetch(router.local, "/_aether/call/x", "x-aether-slice: a:b", method="POST")
    assert (unknown.status, unknown.json()["code"]) == (503, "no_endpoint")


MALFORMED = (
    "GARBAGE\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
)


async def test_malformed_requests_are_refused_and_the_connection_closed(
    router: RouterProcess, echo: Origin
) -> None:
    for data in MALFORMED:
        async with Wire.to(router.public) as wire:
            answer = await wire.ask(data)
            assert (answer.status, answer.json()["code"]) == (400, "bad_request"), data
            assert answer.headers["connection"] == "close"
            assert await wire.is_closed()
    assert not [each for each in echo.requests if each.body]


async def test_targets_that_are_no_path(router: RouterProcess) -> None:
    assert (await fetch(router.public, "a:1", method="CONNECT")).status == 404
    assert (await fetch(router.public, "*", method="OPTIONS")).status == 404
    absolute = (await fetch(router.public, "http://there:80/a?b")).json()
    assert absolute["line"] == "GET /a?b HTTP/1.1"
    assert absolute["headers"]["host"] == "there:80"


async def test_head_over_the_limit(router: RouterProcess) -> None:
    async with Wire.to(router.public) as wire:
        answer = await wire.ask(head("/", "X-Long: " + "a" * 70_000))
        assert (answer.status, answer.json()["code"]) == (431, "too_large")
        assert await wire.is_closed()


async def test_body_over_the_limit(rig: Rig, echo: Origin) -> None:
    router = await rig.router()
    await router.use([row(body_limit=1000)], [local("node-1", echo)])
    async with Wire.to(router.public) as wire:
        answer = await wire.ask(head("/", "Content-Length: 1001", method="POST") + "x" * 500)
        assert (answer.status, answer.json()["code"]) == (413, "too_large")
        assert await wire.is_closed()
    assert not echo.requests, "a body announced as too large is not forwarded"
    async with Wire.to(router.public) as wire:
        chunked = head("/", "Transfer-Encoding: chunked", method="POST")
        answer = await wire.ask(chunked + "1f4\r\n" + "x" * 500 + "\r\n1f5\r\n" + "x" * 501)
        assert answer.status == 413
        assert await wire.is_closed()
    async with Wire.to(router.public) as wire:
        answer = await wire.ask(head("/", "Content-Length: 1000", method="POST") + "x" * 1000)
        assert answer.status == 200


async def test_no_endpoint(rig: Rig) -> None:
    router = await rig.router()
    await router.use([row()], [])
    answer = await fetch(router.public, "/")
    assert (answer.status, answer.json()["code"]) == (503, "no_endpoint")
    assert answer.headers["retry-after"] == "1"
    dead = Origin(rig.folder / "dead.sock")
    await router.use([row()], [local("node-1", dead)])
    assert (await fetch(router.public, "/", method="POST")).status == 503


async def test_slow_instance_is_a_timeout(rig: Rig) -> None:
    async def stall(*_: object) -> None:
        await asyncio.sleep(WAIT_S)

    origin = await rig.origin("s", stall)
    router = await rig.router()
    await router.use([row(timeout_s=0.3)], [local("node-1", origin)])
    async with Wire.to(router.public) as wire:
        answer = await wire.get("/")
        assert (answer.status, answer.json()["code"]) == (504, "timeout")
        assert answer.json()["instance"] == instance(0)
        assert answer.json()["node"] == "node-1"
        assert (await wire.get("/")).status == 504, "the connection is still good"


async def test_expect_100_continue(router: RouterProcess) -> None:
    async with Wire.to(router.public) as wire:
        wire.writer.write(
            head("/", "Content-Length: 3", "Expect: 100-continue", method="POST").encode()
        )
        interim = await wire.read()
        assert interim.line == "HTTP/1.1 100 Continue"
        answer = await wire.ask(b"abc")
        assert answer.json()["body"] == "abc"
        assert "expect" not in answer.json()["headers"]


async def test_http10_client_gets_a_plain_body_and_a_close(rig: Rig) -> None:
    async def chunks(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")

    origin = await rig.origin("c", chunks)
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    async with Wire.to(router.public) as wire:
        answer = await wire.ask("GET / HTTP/1.0\r\n\r\n", until_close=True)
    assert answer.body == b"abcde"
    assert "transfer-encoding" not in answer.headers
    assert (await fetch(router.public, "/")).body == b"abcde"


async def test_answer_until_close_is_chunked_for_the_client(rig: Rig) -> None:
    async def until_close(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        writer.close()

    origin = await rig.origin("u", until_close)
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    async with Wire.to(router.public) as wire:
        for _ in range(3):
            answer = await wire.get("/")
            assert answer.headers["transfer-encoding"] == "chunked"
            assert answer.body == b"all of it"


async def test_large_bodies_stream_both_ways_in_bounded_memory(rig: Rig) -> None:
    size, block = 50 * 1024 * 1024, b"\xa5" * 65536

    async def mirror(
        request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode())
        left = size
        while left:
            data = await reader.read(min(left, 65536))
            left -= len(data)
            writer.write(data)
            await writer.drain()

    origin = await rig.origin("m", mirror)
    router = await rig.router()
    await router.use([row(body_limit=size)], [local("node-1", origin)])
    idle = rss_bytes(router.pid)
    highest = 0
    async with Wire.to(router.public) as wire:
        wire.writer.write(head("/", f"Content-Length: {size}", method="POST").encode())

        async def upload() -> None:
            for _ in range(size // len(block)):
                wire.writer.write(block)
                await wire.writer.drain()

        async with asyncio.TaskGroup() as group, asyncio.timeout(60):
            group.create_task(upload())
            received = 0
            answer = await wire.reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            while received < size:
                data = await wire.reader.read(65536)
                assert data.count(b"\xa5") == len(data)
                received += len(data)
                highest = max(highest, rss_bytes(router.pid))
    assert received == size
    assert highest - idle < 16 * 1024 * 1024


async def test_slow_reader_holds_the_instance_back(rig: Rig) -> None:
    size = 64 * 1024 * 1024
    sent = 0

    async def pour(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal sent
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode())
        while sent < size:
            writer.write(b"z" * 65536)
            sent += 65536
            await writer.drain()

    origin = await rig.origin("p", pour)
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    idle = rss_bytes(router.pid)
    async with Wire.to(router.public) as wire:
        wire.writer.write(head("/").encode())
        await _until_steady(lambda: sent)
        assert 0 < sent < size / 2
        assert rss_bytes(router.pid) - idle < 16 * 1024 * 1024
        async with asyncio.timeout(60):
            await wire.reader.readuntil(b"\r\n\r\n")
            await wire.reader.readexactly(size)


async def _until_steady(value: Callable[[], int]) -> None:
    """Wait until a count that grows has stood still for a while."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WAIT_S):
            seen, same = -1, 0
            while same < 30:
                await asyncio.sleep(POLL_S)
                same = same + 1 if value() == seen and seen > 0 else 0
                seen = value()
