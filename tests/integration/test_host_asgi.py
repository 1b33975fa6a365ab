"""An unmodified Starlette application in a real host: lifespan, mounting, streaming, failures."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aether.core.model.ids import InstanceId
from aether.errors import SliceFailed
from tests.integration.host_rig import HostRig, eventually, host_rig, http, talk

APPLICATION = """
    import asyncio, contextlib
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    @contextlib.asynccontextmanager
    async def lifespan(app):
        print("started", flush=True)
        yield {"greeting": "hi"}
        print("stopped", flush=True)

    BEAT_S = 0.01

    async def home(request: Request):
        return JSONResponse({"greeting": request.state.greeting, "url": str(request.url),
                             "root": request.scope["root_path"]})

    async def client(request: Request):
        return PlainTextResponse(repr(request.client and request.client.host))

    async def name(request: Request):
        return PlainTextResponse(request.path_params["name"])

    async def echo(request: Request):
        async def pieces():
            async for chunk in request.stream():
                if chunk:
                    yield chunk
        return StreamingResponse(pieces())

    async def count(request: Request):
        async def numbers():
            for number in range(3):
                yield f"{number}\\n".encode()
        return StreamingResponse(numbers(), media_type="text/plain")

    async def boom(request: Request):
        raise RuntimeError("not for clients")

    async def endless(request: Request):
        async def beats():
            try:
                while True:
                    yield b"beat "
                    await asyncio.sleep(BEAT_S)
            finally:
                print("nobody listens", flush=True)
        return StreamingResponse(beats())

    app = Starlette(lifespan=lifespan, routes=[
        Route("/", home), Route("/name/{name}", name), Route("/client", client), Route("/echo", echo, methods=["POST"]),
        Route("/count", count), Route("/boom", boom), Route("/endless", endless),
    ])

    async def bare(scope, receive, send):
        assert scope["type"] == "http", "no lifespan here"
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"bare"})

    @contextlib.asynccontextmanager
    async def refusing(app):
        raise RuntimeError("no database")
        yield

    broken = Starlette(lifespan=refusing)

    not_an_app = 5
"""


@pytest.fixture
async def rig() -> AsyncIterator[HostRig]:
    async with host_rig() as made:
        made.write("web", APPLICATION)
        yield made


async def test_requests_reach_the_application_below_its_prefix(rig: HostRig) -> None:
    manifest = rig.manifest("web:app", kind="asgi", prefix="/hello")
    socket = await rig.serve(manifest)
    (host,) = await rig.client.hosts()
    assert [(route.method, route.pattern) for route in host.routes] == [
        ("*", "/hello"),
        ("*", "/hello/{*rest}"),
    ]
    home = await http(socket, "GET", "/hello/?q=1")
    assert home.status == 200
    assert home.body == (b'{"greeting":"hi","url":"http://example.org/hello/?q=1","root":"/hello"}')
    bare = await http(socket, "GET", "/hello")
    assert bare.status in (200, 307)
    assert (await http(socket, "GET", "/hello/name/b%C3%A9b")).body.decode() == "béb"
    assert (await http(socket, "GET", "/hello/none")).status == 404
    assert "started" in rig.log(manifest)


async def test_an_application_sees_who_connected_to_the_first_router(rig: HostRig) -> None:
    socket = await rig.serve(rig.manifest("web:app", kind="asgi", prefix="/hello"))
    told = {"x-forwarded-for": "6.6.6.6, 10.1.2.3"}
    assert (await http(socket, "GET", "/hello/client", headers=told)).body == b"'10.1.2.3'"
    assert (await http(socket, "GET", "/hello/client")).body == b"None"


async def test_bodies_stream_both_ways(rig: HostRig) -> None:
    socket = await rig.serve(rig.manifest("web:app", kind="asgi", prefix="/hello"))
    counted = await http(socket, "GET", "/hello/count")
    assert counted.headers["transfer-encoding"] == "chunked"
    assert counted.body == b"0\n1\n2\n"
    large = bytes(range(256)) * 8192
    echoed = await http(socket, "POST", "/hello/echo", large)
    assert echoed.body == large
    head = await http(socket, "HEAD", "/hello/name/x")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "1")


async def test_a_failure_of_the_application_is_a_problem_and_its_trace_stays_in_the_log(
    rig: HostRig,
) -> None:
    manifest = rig.manifest("web:app", kind="asgi", prefix="/hello")
    socket = await rig.serve(manifest)
    failed = await http(socket, "GET", "/hello/boom")
    assert failed.status == 500
    assert b"not for clients" not in failed.body
    assert "not for clients" in rig.log(manifest)


async def test_an_application_without_lifespan_is_served_as_it_is(rig: HostRig) -> None:
    socket = await rig.serve(rig.manifest("web:bare", kind="asgi", prefix="/bare"))
    assert (await http(socket, "GET", "/bare/x")).body == b"bare"


async def test_shutdown_is_spoken_when_the_instance_is_deactivated(rig: HostRig) -> None:
    manifest = rig.manifest("web:app", kind="asgi", prefix="/hello")
    await rig.serve(manifest)
    assert "stopped" not in rig.log(manifest)
    await rig.client.deactivate(InstanceId.of(manifest.artifact, 0), 1.0)
    assert "stopped" in rig.log(manifest)


async def test_a_lifespan_that_fails_keeps_the_instance_from_being_active(rig: HostRig) -> None:
    with pytest.raises(SliceFailed, match="no database") as failed:
        await rig.serve(rig.manifest("web:broken", kind="asgi", prefix="/b"))
    assert failed.value.fields["kind"] == "transient"


async def test_what_is_not_callable_is_no_application(rig: HostRig) -> None:
    with pytest.raises(SliceFailed, match="not callable") as failed:
        await rig.client.load(rig.spec(rig.manifest("web:not_an_app", kind="asgi", prefix="/n")))
    assert failed.value.fields["kind"] == "fatal"


async def test_a_client_that_goes_away_ends_the_stream(rig: HostRig) -> None:
    manifest = rig.manifest("web:app", kind="asgi", prefix="/hello")
    socket = await rig.serve(manifest)
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(b"GET /hello/endless HTTP/1.1\r\nhost: x\r\n\r\n")
    async with asyncio.timeout(10):
        await reader.readuntil(b"beat")
    writer.close()
    await eventually(lambda: "nobody listens" in rig.log(manifest), "the stream has ended")
    assert (await talk(socket, b"GET /hello/name/y HTTP/1.0\r\n\r\n")).endswith(b"\r\n\r\ny")
