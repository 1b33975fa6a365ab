"""Calls between slices over a real socket: RouterCaller on one side, SliceApp on the other."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import pytest

from aether.host.calls import RouterCaller
from aether.host.http import HttpServer
from aether.host.serving import SliceApp
from aether.sdk import (
    CallFailed,
    CallTimedOut,
    CallUnavailable,
    HttpError,
    Slice,
    call,
    get,
    remote,
)
from aether.sdk.remote import proxy
from aether.sdk.shape import shape_of
from tests.integration.host_rig import http


@dataclass
class Point:
    x: int
    y: int


class Geometry(Slice):
    @call(idempotent=True)
    async def mirror(self, point: Point, factor: int = -1) -> Point:
        return Point(point.x * factor, point.y * factor)

    @call()
    async def nothing(self) -> None:
        return None

    @call()
    async def fail(self) -> int:
        raise LookupError("no such shape")

    @call()
    async def refuse(self) -> int:
        raise HttpError(503, "closed today")

    @call()
    async def dawdle(self) -> int:
        await asyncio.Event().wait()
        return 1

    @get("/points/{x}/{y}")
    async def point(self, x: int, y: int) -> Point:
        return Point(x, y)

    @get("/fails")
    async def fails(self) -> None:
        raise CallUnavailable("a:b", "m", "secret detail")


@remote("org.example:geometry", timeout_s=0.5)
class GeometryClient(Protocol):
    @call(idempotent=True)
    async def mirror(self, point: Point, factor: int = -1) -> Point: ...

    async def nothing(self) -> None: ...

    async def fail(self) -> int: ...

    async def refuse(self) -> int: ...

    async def dawdle(self) -> int: ...

    async def missing(self) -> int: ...


@remote("org.example:geometry")
class WrongClient(Protocol):
    async def mirror(self, point: str) -> str: ...

    async def nothing(self) -> int: ...


@dataclass
class Pair:
    socket: Path
    server: HttpServer
    caller: RouterCaller
    client: GeometryClient


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as directory:
        socket = Path(directory) / "router.sock"
        server = HttpServer(SliceApp(Geometry(), shape_of(Geometry)), cancel_when_gone=True)
        await server.listen(socket)
        caller = RouterCaller(socket)
        yield Pair(socket, server, caller, cast("GeometryClient", proxy(GeometryClient, caller)))
        caller.close()
        await server.close()


async def test_arguments_and_results_keep_their_types(pair: Pair) -> None:
    assert await pair.client.mirror(Point(1, -2)) == Point(-1, 2)
    assert await pair.client.mirror(Point(1, -2), factor=3) == Point(3, -6)
    await pair.client.nothing()
    assert len(pair.server.connections) == 1  # one kept connection served all


async def test_many_calls_at_once_each_get_their_own_answer(pair: Pair) -> None:
    answers = await asyncio.gather(*(pair.client.mirror(Point(n, n)) for n in range(200)))
    assert [point.x for point in answers] == [-n for n in range(200)]


async def test_a_failure_over_there_names_its_type_and_message(pair: Pair) -> None:
    with pytest.raises(CallFailed, match="no such shape") as failed:
        await pair.client.fail()
    assert failed.value.kind == "LookupError"
    assert (failed.value.slice, failed.value.method) == ("org.example:geometry", "fail")


async def test_unavailable_missing_and_late_are_told_apart(pair: Pair) -> None:
    with pytest.raises(CallUnavailable, match="closed today"):
        await pair.client.refuse()
    with pytest.raises(CallFailed, match="no callable method 'missing'") as failed:
        await pair.client.missing()
    assert failed.value.kind == "not_found"
    with pytest.raises(CallTimedOut, match=r"no answer within 0\.5 s"):
        await pair.client.dawdle()


async def test_wrong_arguments_and_wrong_results_are_named(pair: Pair) -> None:
    wrong = cast("WrongClient", proxy(WrongClient, pair.caller))
    with pytest.raises(CallFailed, match="point: Expected `object`, got `str`"):
        await wrong.mirror("x")
    with pytest.raises(CallFailed, match="not what the protocol says"):
        await wrong.nothing()


async def test_without_a_router_a_call_is_unavailable(tmp_path: Path) -> None:
    client = cast("GeometryClient", proxy(GeometryClient, RouterCaller(tmp_path / "no.sock")))
    with pytest.raises(CallUnavailable, match="does not answer"):
        await client.nothing()


async def test_a_call_survives_a_connection_that_went_stale(pair: Pair) -> None:
    await pair.client.mirror(Point(1, 1))
    for connection in list(pair.server.connections):
        connection.abort()
    assert await pair.client.mirror(Point(1, 1)) == Point(-1, -1)


async def test_typed_routes_answer_and_refuse(pair: Pair) -> None:
    socket = str(pair.socket)
    assert (await http(socket, "GET", "/points/3/-4")).body == b'{"x":3,"y":-4}'
    refused = await http(socket, "GET", "/points/3/four")
    assert refused.status == 422
    assert b'"field":"y"' in refused.body
    assert (await http(socket, "GET", "/points/3")).status == 404
    wrong_verb = await http(socket, "DELETE", "/points/3/4")
    assert (wrong_verb.status, wrong_verb.headers["allow"]) == (405, "GET, HEAD")
    depends = await http(socket, "GET", "/fails")
    assert depends.status == 503
    assert b"secret detail" not in depends.body


async def test_calls_are_post_only(pair: Pair) -> None:
    answer = await http(str(pair.socket), "GET", "/_aether/call/nothing")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
