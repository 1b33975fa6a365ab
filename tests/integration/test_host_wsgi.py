"""Unmodified WSGI applications in a real host: PEP 3333 as its validator sees it, streams, threads, ends."""

import asyncio
import hashlib
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from aether.core.model.ids import InstanceId
from aether.core.model.records import Manifest
from aether.errors import SliceFailed
from aether.ports import HostStatus
from tests.example_slices import PROJECTS
from tests.integration.host_rig import HostRig, eventually, host_rig, http, talk

APPLICATION = """
    import hashlib, json, os, sys, tempfile, threading
    from wsgiref.validate import validator

    from hello_wsgi import app as example

    checked = validator(example)
    def say(start_response, body, status="200 OK", *headers):
        start_response(status, [("Content-Type", "text/plain"), *headers])
        return [body]

    def app(environ, start_response):
        return globals()[environ["PATH_INFO"].split("/")[1]](environ, start_response)

    def told(environ, start_response):
        plain = {k: v for k, v in environ.items() if isinstance(v, (str, bool, int, tuple))}
        plain["config"] = dict(environ["aether.config"])
        plain["body"] = environ["wsgi.input"].read().decode("latin-1")
        return say(start_response, json.dumps(plain).encode())

    def digest(environ, start_response):
        body = environ["wsgi.input"].read()
        told = f"{environ.get('CONTENT_LENGTH')} {hashlib.sha256(body).hexdigest()}"
        return say(start_response, told.encode())

    def trace(environ, start_response):
        from aether import request_id, trace_context
        return say(start_response, f"{request_id()} {trace_context().trace_id}".encode())

    class Endless:
        def __iter__(self):
            while True:
                yield b"beat " * 1000

        def close(self):
            print("closed", flush=True)

    def endless(environ, start_response):
        start_response("200 OK", [])
        return Endless()

    def boom(environ, start_response):
        print("to the log", file=environ["wsgi.errors"], flush=True)
        raise RuntimeError("not for clients")

    def leave(environ, start_response):
        sys.exit(3)

    def late(environ, start_response):
        start_response("200 OK", [("Content-Length", "100")])
        yield b"half"
        raise RuntimeError("in mid-answer")

    def short(environ, start_response):
        return say(start_response, b"short", "200 OK", ("Content-Length", "100"))

    def silent(environ, start_response):
        return [b"no head"]

    def cookies(environ, start_response):
        return say(start_response, b"", "200 OK", ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))

    def file(environ, start_response):
        made = tempfile.TemporaryFile()
        made.write(bytes(range(256)) * 4096)
        made.seek(0)
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](made)

    def held(environ, start_response):
        print("held", flush=True)
        while not os.path.exists(environ["aether.config"]["gate"]):
            threading.Event().wait(0.005)
        return say(start_response, threading.current_thread().name.encode())

    def hang(environ, start_response):
        print("hangs", flush=True)
        threading.Event().wait()

    async def asgi(scope, receive, send): ...

    def factory(): ...
"""
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


pytestmark = pytest.mark.asyncio(
    loop_scope="module"
)  # one launcher for all of them: starting it is slow
NAMES = map("web-{}".format, itertools.count(1))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def rig() -> AsyncIterator[HostRig]:
    async with host_rig() as made:
        made.write("web", APPLICATION)
        made.sources.joinpath("hello_wsgi").symlink_to(PROJECTS["hello_wsgi"] / "hello_wsgi")
        yield made


def manifest(rig: HostRig, entry: str = "web:app", threads: int = 0, kind: str = "app") -> Manifest:
    """Return the manifest of a slice of its own: each test has one."""
    made = rig.manifest(entry, kind="asgi", prefix="/w", name=next(NAMES))
    return replace(made, kind="wsgi" if kind == "wsgi" else "app", threads=threads)


async def test_the_validator_of_the_standard_library_finds_nothing_wrong(rig: HostRig) -> None:
    made = manifest(rig, "web:checked", kind="wsgi")
    socket = await rig.serve(made)
    host = await host_of(rig, made)
    assert [(route.method, route.pattern) for route in host.routes] == [
        ("*", "/w"),
        ("*", "/w/{*rest}"),
    ]
    for path in ("/w", "/w/"):
        assert (await http(socket, "GET", path)).body == b"Hello, world!\n", rig.log(made)
    named = await http(socket, "GET", "/w/b%C3%A9b")
    assert json.loads(named.body) == {"hello": "béb", "url": "http://example.org/w/b%C3%A9b"}
    counted = await http(socket, "GET", "/w/count/3")
    assert (counted.headers["transfer-encoding"], counted.body) == ("chunked", b"1\n2\n3\n")
    for size in (0, 10, 70_000, 2_000_000):
        posted = await http(socket, "POST", "/w/digest", b"x" * size)
        assert json.loads(posted.body)["bytes"] == size
    assert (await http(socket, "GET", "/w/no/such")).status == 404
    assert (await talk(socket, b"HEAD /w HTTP/1.0\r\n\r\n")).endswith(b"\r\n\r\n")
    assert "failed" not in rig.log(made)


async def test_an_application_sees_its_request_as_the_router_tells_it(rig: HostRig) -> None:
    socket = await rig.serve(manifest(rig), config=b'{"currency": "EUR"}')
    headers = {
        "x-forwarded-for": "6.6.6.6, 10.1.2.3",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "shop.example:8443",
        "content-type": "text/plain",
        "x_custom": "spoofed",
    }
    told = json.loads((await http(socket, "PUT", "/w/told/a%2Fb?q=1", b"body", headers)).body)
    expected = {
        "REQUEST_METHOD": "PUT",
        "SCRIPT_NAME": "/w",
        "PATH_INFO": "/told/a/b",
        "QUERY_STRING": "q=1",
        "REMOTE_ADDR": "10.1.2.3",
        "SERVER_NAME": "shop.example",
        "SERVER_PORT": "8443",
        "wsgi.url_scheme": "https",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "4",
        "body": "body",
        "config": {"currency": "EUR"},
    }
    assert {name: told[name] for name in expected} == expected
    assert "HTTP_X_CUSTOM" not in told


async def test_the_trace_of_a_request_reaches_its_thread(rig: HostRig) -> None:
    socket = await rig.serve(manifest(rig))
    traced = await http(
        socket, "GET", "/w/trace", headers={"traceparent": PARENT, "x-request-id": "r-7"}
    )
    assert traced.body == b"r-7 4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("size", [0, 100, 100_000, 1_000_000])
async def test_a_chunked_body_arrives_with_its_length(rig: HostRig, size: int) -> None:
    socket = await rig.serve(manifest(rig))
    body = bytes(number % 256 for number in range(size))
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(piece), piece)
        for piece in (body[start : start + 30_000] for start in range(0, size, 30_000))
    )
    head = b"POST /w/digest HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked"
    answer = await talk(socket, head + b"\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert answer.endswith(f"{size} {hashlib.sha256(body).hexdigest()}".encode())


async def test_a_body_over_the_limit_is_refused(rig: HostRig) -> None:
    socket = await rig.serve(manifest(rig))
    head = b"POST /w/digest HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = await talk(socket, head + (b"100000\r\n" + b"x" * 0x100000 + b"\r\n") * 65)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_failures_are_problems_and_their_traces_stay_in_the_log(rig: HostRig) -> None:
    made = manifest(rig)
    socket = await rig.serve(made)
    for name in ("boom", "leave", "silent"):
        failed = await http(socket, "GET", f"/w/{name}")
        assert (failed.status, json.loads(failed.body)["code"]) == (500, "slice_failed")
        assert b"not for clients" not in failed.body
    for name in ("late", "short"):
        cut = await talk(socket, f"GET /w/{name} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert cut.startswith(b"HTTP/1.1 200 ")
        assert len(cut.partition(b"\r\n\r\n")[2]) < 100, "cut off, not ended"
    log = rig.log(made)
    for part in ("to the log", "not for clients", "SystemExit: 3", "in mid-answer", "says 100"):
        assert part in log
    assert (await http(socket, "GET", "/w/told")).status == 200


async def test_headers_may_be_repeated_and_files_are_streamed(rig: HostRig) -> None:
    socket = await rig.serve(manifest(rig))
    raw = await talk(socket, b"GET /w/cookies HTTP/1.0\r\n\r\n")
    assert b"set-cookie: a=1\r\nset-cookie: b=2\r\n" in raw
    assert (await http(socket, "GET", "/w/file")).body == bytes(range(256)) * 4096


async def test_a_client_that_goes_away_ends_the_stream_and_frees_its_thread(rig: HostRig) -> None:
    made = manifest(rig, threads=1)
    socket = await rig.serve(made)
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(b"GET /w/endless HTTP/1.1\r\nhost: x\r\n\r\n")
    async with asyncio.timeout(10):
        await reader.readuntil(b"beat")
    host = await host_of(rig, made)
    assert host.in_flight == 1
    before = psutil.Process(host.pid).memory_info().rss
    await eventually(lambda: _is_still(host.pid), "the stream has stopped for its slow reader")
    assert psutil.Process(host.pid).memory_info().rss - before < 16 * 1024 * 1024
    writer.close()
    await eventually(lambda: "closed" in rig.log(made), "the iterable is closed")
    assert (await http(socket, "GET", "/w/told")).status == 200
    await eventually(lambda: _in_flight(rig, made, 0), "nothing is in flight")
    assert "application failed" not in rig.log(made)


async def _is_still(pid: int) -> bool:
    """Whether a process uses no CPU for a while."""
    process = psutil.Process(pid)
    before = process.cpu_times().user
    for _ in range(20):
        await asyncio.to_thread(process.cpu_percent, 0.01)
    return process.cpu_times().user - before < 0.02


async def host_of(rig: HostRig, made: Manifest) -> HostStatus:
    (host,) = (host for host in await rig.client.hosts() if host.instance.artifact == made.artifact)
    return host


async def _in_flight(rig: HostRig, made: Manifest, count: int) -> bool:
    return (await host_of(rig, made)).in_flight == count


def gate_of(rig: HostRig, made: Manifest) -> tuple[Path, bytes]:
    """Return a file whose making lets requests go on, and settings that name it."""
    gate = rig.data_dir / f"gate-{made.artifact}"
    return gate, json.dumps({"gate": str(gate)}).encode()


async def test_requests_above_the_threads_wait_and_above_the_line_are_refused(rig: HostRig) -> None:
    made = manifest(rig, threads=1)
    gate, config = gate_of(rig, made)
    socket = await rig.serve(made, config=config)
    asked = [asyncio.get_running_loop().create_task(http(socket, "GET", "/w/held")) for _ in [1]]
    await eventually(lambda: "held" in rig.log(made), "the thread is busy")
    asked += [
        asyncio.get_running_loop().create_task(http(socket, "GET", "/w/held")) for _ in range(64)
    ]
    await eventually(lambda: _in_flight(rig, made, 65), "the line is full")
    refused = await http(socket, "GET", "/w/held")
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert json.loads(refused.body)["code"] == "busy"
    gate.touch()
    answers = await asyncio.gather(*asked)
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"wsgi-1")] * 65
    await eventually(lambda: _in_flight(rig, made, 0), "nothing is in flight")


async def test_a_drain_lets_what_is_in_flight_finish(rig: HostRig) -> None:
    made = manifest(rig, threads=2)
    gate, config = gate_of(rig, made)
    socket = await rig.serve(made, config=config)
    asked = asyncio.get_running_loop().create_task(http(socket, "GET", "/w/held"))
    await eventually(lambda: "held" in rig.log(made), "the thread is busy")
    drain = rig.client.deactivate(InstanceId.of(made.artifact, 0), 10.0)
    draining = asyncio.get_running_loop().create_task(drain)
    await eventually(lambda: _state(rig, made, "stopping"), "the instance drains")
    gate.touch()
    assert (await asked).status == 200
    assert (await draining).state == "loaded"


async def _state(rig: HostRig, made: Manifest, state: str) -> bool:
    return (await host_of(rig, made)).state == state


async def test_a_thread_that_hangs_keeps_neither_drain_nor_process(rig: HostRig) -> None:
    made = manifest(rig, threads=2)
    socket = await rig.serve(made)
    instance = InstanceId.of(made.artifact, 0)
    asked = asyncio.get_running_loop().create_task(
        talk(socket, b"GET /w/hang HTTP/1.1\r\nhost: x\r\n\r\n")
    )
    await eventually(lambda: "hangs" in rig.log(made), "the thread hangs")
    host = await host_of(rig, made)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await rig.client.deactivate(instance, 0.2)).state == "loaded"
    assert loop.time() - began < 4.0
    assert await asked == b"", "cut off without an answer"
    log = rig.log(made)
    assert "requests cut off" in log
    assert "threads left behind" in log
    assert "in hang" in log, "the log says where the thread stands"
    await rig.client.unload(instance)
    assert not psutil.pid_exists(host.pid)
    assert loop.time() - began < 8.0


@pytest.mark.parametrize(
    ("entry", "kind", "threads", "parts"),
    [
        ("web:asgi", "wsgi", 0, ["declared as wsgi", "interface in [tool.aether.slice]"]),
        ("web:checked", "app", 0, ["may be ASGI or WSGI: write 'asgi' or 'wsgi'"]),
        ("web:factory", "app", 0, ["'web:factory' takes ()", "name what it returns"]),
        ("web:asgi", "app", 4, ["threads = 4", "WSGI applications only"]),
        ("web:app", "wsgi", 1000, ["threads = 1000", "from 1 to 128"]),
    ],
)
async def test_a_wrong_declaration_is_fatal_and_says_what_to_write(
    rig: HostRig, entry: str, kind: str, threads: int, parts: list[str]
) -> None:
    with pytest.raises(SliceFailed) as failed:
        await rig.client.load(rig.spec(manifest(rig, entry, threads, kind)))
    assert failed.value.fields["kind"] == "fatal"
    for part in parts:
        assert part in failed.value.message


async def test_a_trial_import_tells_what_was_found_out(rig: HostRig) -> None:
    paths = [str(rig.sources)]
    assert (await rig.client.probe(manifest(rig), paths)).kind == "wsgi"
    assert (await rig.client.probe(manifest(rig, "web:asgi"), paths)).kind == "asgi"
