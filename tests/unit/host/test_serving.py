import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from aether.host.body import Body, Disconnected
from aether.host.exchange import Exchange
from aether.host.serving import SliceApp
from aether.sdk import (
    CallTimedOut,
    HttpError,
    KvUnavailable,
    Request,
    Response,
    Slice,
    call,
    get,
    post,
    request_id,
)
from aether.sdk.shape import shape_of


@dataclass
class Item:
    name: str


class Shop(Slice):
    @get("/none")
    async def none(self) -> None:
        return None

    @get("/item/{name}")
    async def item(self, name: str) -> Item:
        return Item(name)

    @post("/item", body_limit=20)
    async def make(self, body: Item) -> Response:
        return Response.json(body, status=201, headers={"location": f"/item/{body.name}"})

    @get("/files/{*rest}")
    async def files(self, rest: str, request: Request) -> str:
        return f"{rest}|{request.headers['x-a']}|{request.params['rest']}"

    @get("/stream")
    async def stream(self, fail: bool = False) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            if fail:
                raise RuntimeError("in mid-answer")
            yield b"two"

        return Response(pieces(), content_type="text/plain")

    @get("/raise/{kind}")
    async def fail(self, kind: str) -> None:
        raise {
            "bug": RuntimeError("secret"),
            "kv": KvUnavailable("secret"),
            "late": CallTimedOut("a:b", "m", "secret"),
            "teapot": HttpError(418, "short and stout"),
        }[kind]

    @get("/unencodable")
    async def unencodable(self) -> object:
        return object()

    @get("/id")
    async def id(self) -> str:
        return request_id()

    @call()
    async def double(self, number: int) -> int:
        return number * 2


class Wire:
    def __init__(self) -> None:
        self.sent = b""

    def send(self, data: bytes) -> None:
        self.sent += data

    async def writable(self) -> None:
        return

    def may_keep_alive(self, exchange: Exchange) -> bool:
        return exchange.body.is_complete


class Hosted(Slice):
    @get("/{what}", host="admin.example.org", internal=True)
    async def admin(self, what: str) -> str:
        return f"admin {what}"

    @get("/{*rest}", host="*.example.org")
    async def below(self, rest: str) -> str:
        return f"below {rest}"

    @get("/{what}")
    async def anywhere(self, what: str) -> str:
        return f"anywhere {what}"


async def ask(
    method: str,
    target: str,
    body: bytes = b"",
    headers: dict[bytes, bytes] | None = None,
    kind: type[Slice] = Shop,
) -> tuple[int, bytes]:
    wire = Wire()
    exchange = Exchange(wire, Body(lambda: None, lambda: None))
    path, _, query = target.partition("?")
    exchange.method, exchange.path, exchange.query = method, path.encode(), query.encode()
    exchange.headers = list((headers or {}).items())
    if body:
        exchange.body.feed(body)
    exchange.body.end()
    await SliceApp(kind(), shape_of(kind))(exchange)
    assert exchange.finished
    return exchange.status, wire.sent


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        (b"admin.example.org", b'"admin x"'),
        (b"Admin.Example.org:8443", b'"admin x"'),
        (b"shop.example.org", b'"below x"'),
        (b"example.org", b'"anywhere x"'),
        (b"", b'"anywhere x"'),
    ],
)
async def test_the_handler_for_the_host_answers(host: bytes, answer: bytes) -> None:
    """What is for the cluster alone, for one host, must not answer clients of another."""
    headers = {b"host": host} if host else {}
    status, sent = await ask("GET", "/x", headers=headers, kind=Hosted)
    assert (status, sent.rpartition(b"\r\n\r\n")[2]) == (200, answer)


@pytest.mark.parametrize(
    ("method", "target", "status", "end"),
    [
        ("GET", "/none", 204, b"\r\n\r\n"),
        ("GET", "/item/a%2Fb", 200, b'{"name":"a/b"}'),
        ("HEAD", "/item/x", 200, b"\r\n\r\n"),
        ("GET", "/stream", 200, b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
        ("GET", "/nowhere", 404, b"}"),
        ("DELETE", "/item/x", 405, b"}"),
        ("GET", "/raise/teapot", 418, b'"detail":"short and stout"}'),
    ],
)
async def test_results_become_answers(method: str, target: str, status: int, end: bytes) -> None:
    found, sent = await ask(method, target)
    assert found == status
    assert sent.endswith(end)


async def test_a_response_is_sent_as_it_is() -> None:
    status, sent = await ask("POST", "/item", b'{"name":"x"}')
    assert status == 201
    assert b"location: /item/x\r\n" in sent


async def test_the_route_limits_its_body() -> None:
    assert (await ask("POST", "/item", b'{"name":"' + b"x" * 20 + b'"}'))[0] == 413


async def test_the_request_is_there_for_who_asks() -> None:
    _, sent = await ask("GET", "/files/a/b%20c", headers={b"x-a": b"1"})
    assert sent.endswith(b'"a/b c|1|a/b c"')


@pytest.mark.parametrize(("kind", "status"), [("bug", 500), ("kv", 503), ("late", 504)])
async def test_failures_say_nothing_of_the_inside(kind: str, status: int) -> None:
    found, sent = await ask("GET", f"/raise/{kind}")
    assert found == status
    assert b"secret" not in sent


async def test_a_result_without_a_form_is_the_slices_failure() -> None:
    found, sent = await ask("GET", "/unencodable")
    assert found == 500
    assert b"slice_failed" in sent


async def test_a_stream_that_fails_is_cut_off() -> None:
    with pytest.raises(Disconnected):
        await ask("GET", "/stream?fail=true")


async def test_a_handler_knows_the_request_id() -> None:
    _, sent = await ask("GET", "/id", headers={b"x-request-id": b"r-1"})
    assert sent.endswith(b'"r-1"')


async def test_calls_are_answered_in_msgpack() -> None:
    status, sent = await ask("POST", "/_aether/call/double", b"\x91\x05")
    assert (status, sent[-1:]) == (200, b"\x0a")
    assert (await ask("POST", "/_aether/call/item", b"\x91\xa1x"))[0] == 404
    assert (await ask("POST", "/_aether/call/double", b"\x91\xa1x"))[0] == 422


async def test_requests_side_by_side_do_not_mix() -> None:
    answers = await asyncio.gather(*(ask("GET", f"/item/{n}") for n in range(50)))
    assert [sent.endswith(b'{"name":"%d"}' % n) for n, (_, sent) in enumerate(answers)] == [
        True
    ] * 50
