"""No request is read in two ways: by the router and by what stands behind it.

Every case of `framing_cases` goes through a real router process to an instance that writes down
what it gets, byte for byte, and reads it with a reader of its own.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import NodeId
from aether.dataplane.streams import end_stream
from tests.integration.framing_cases import CASES, SMUGGLED, Case, request
from tests.integration.router_rig import BASE, Rig, RouterProcess, Wire, instance, plain, row

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEADLINE_S = 10.0
STATUS = re.compile(rb"HTTP/1\.1 (?!100)([0-9]{3}) ")
FRAMING = re.compile(rb"(?im)^(?:content[-_]length|transfer[-_]encoding)[ \t]*:[^\r\n]*")


@dataclass
class Received:
    """One request as the instance read it."""

    head: bytes
    body: bytes

    @property
    def framing(self) -> list[bytes]:
        return FRAMING.findall(self.head)


@dataclass
class Recorder:
    """An instance that reads strictly what comes, and keeps what is not a whole request."""

    path: Path
    requests: list[Received] = field(default_factory=list)
    rest: list[bytes] = field(default_factory=list)
    """Per connection: what came after the last whole request."""
    _server: asyncio.AbstractServer | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> "Recorder":
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))
        return self

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            await end_stream(writer)

    def forget(self) -> None:
        self.requests.clear()
        self.rest = [b"" for _ in self.rest]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        place = len(self.rest)
        self.rest.append(b"")
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                self.rest[place] += data
                while self._take(place):
                    writer.write(plain(b"ok"))
        self._writers.discard(writer)
        writer.close()

    def _take(self, place: int) -> bool:
        """Take one whole request off what came; False while there is none."""
        data = self.rest[place]
        head, blank, rest = data.partition(b"\r\n\r\n")
        if not blank:
            return False
        received = Received(head, b"")
        if not received.framing:
            self.rest[place] = rest
        elif b"transfer-encoding" in received.framing[0].lower():
            body, whole, rest = _dechunk(rest)
            if not whole:
                return False
            received.body, self.rest[place] = body, rest
        else:
            length = int(received.framing[0].partition(b":")[2])
            if len(rest) < length:
                return False
            received.body, self.rest[place] = rest[:length], rest[length:]
        self.requests.append(received)
        return True


def _dechunk(data: bytes) -> tuple[bytes, bool, bytes]:
    """Return a chunked body, whether it is whole, and what follows."""
    body = b""
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            return body, False, b""
        size = int(line, 16)
        if not size:
            trailers, end, rest = (b"\r\n" + data).partition(b"\r\n\r\n")
            assert trailers in (b"", b"\r\n"), trailers
            return body, bool(end), rest
        if len(data) < size + 2:
            return body, False, b""
        body, data = body + data[:size], data[size + 2 :]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recorder(rig: Rig) -> AsyncIterator[Recorder]:
    made = await Recorder(rig.folder / "r.sock").start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def router(rig: Rig, recorder: Recorder) -> RouterProcess:
    made = await rig.router()
    endpoint = Endpoint(
        instance=instance(0), slice=BASE, node=NodeId("node-1"), socket=str(recorder.path)
    )
    await made.use([row(timeout_s=5.0)], [endpoint])
    return made


async def converse(address: str, wire: bytes, answers: int = 1) -> list[int]:
    """Send, and say that nothing more comes once that is answered; return all statuses but 100."""
    async with asyncio.timeout(DEADLINE_S), Wire.to(address) as client:
        client.writer.write(wire)
        heard = b""
        while len(STATUS.findall(heard)) < answers:
            piece = await client.reader.read(65536)
            assert piece, heard
            heard += piece
        client.writer.write_eof()
        with contextlib.suppress(ConnectionError):
            heard += await client.reader.read()
        return [int(status) for status in STATUS.findall(heard)]


async def test_there_are_as_many_cases_as_are_known() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 48


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_request_is_refused_or_one(
    case: Case, router: RouterProcess, recorder: Recorder
) -> None:
    recorder.forget()
    statuses = await converse(router.public, case.wire)
    assert statuses == [case.status]
    if case.status != 200:
        assert not recorder.requests
        return
    (received,) = recorder.requests
    assert not any(recorder.rest)
    assert received.head.split(b" ")[1] == case.target
    assert received.body == case.body
    assert len(received.framing) == (1 if case.body else 0)
    assert [each for each in case.absent if each in received.head.lower()] == []


async def test_nothing_said_after_a_refusal_is_heard(
    router: RouterProcess, recorder: Recorder
) -> None:
    recorder.forget()
    for case in CASES:
        if case.status != 200:
            assert await converse(router.public, case.wire + SMUGGLED) == [case.status], case.name
    assert recorder.requests == []


async def test_two_requests_in_one_piece_are_two(router: RouterProcess, recorder: Recorder) -> None:
    recorder.forget()
    two = request(b"Content-Length: 3", body=b"abc") + request(start=b"GET /y HTTP/1.1")
    assert await converse(router.public, two + two, 4) == [200] * 4
    targets = [received.head.split(b" ")[1] for received in recorder.requests]
    assert targets == [b"/x", b"/y"] * 2
    assert [received.body for received in recorder.requests] == [b"abc", b""] * 2


async def test_cases_cut_in_two_end_no_other_way(router: RouterProcess, recorder: Recorder) -> None:
    """Where a request is cut into packets changes nothing of what it is."""
    for case in CASES:
        if len(case.wire) > 1000:
            continue
        for cut in range(1, len(case.wire), max(1, len(case.wire) // 4)):
            recorder.forget()
            async with asyncio.timeout(DEADLINE_S), Wire.to(router.public) as client:
                client.writer.write(case.wire[:cut])
                await client.writer.drain()
                await asyncio.sleep(0)
                client.writer.write(case.wire[cut:])
                answer = await client.reader.readuntil(b"\r\n\r\n")
            expected = {b"%d" % case.status} | ({b"100"} if b"Expect" in case.wire else set())
            assert answer.split(b" ")[1] in expected, (case.name, cut)
