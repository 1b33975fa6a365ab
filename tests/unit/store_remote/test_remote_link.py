"""The connection of a node to its store process: lost, late, strange."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aether.errors import NoQuorum, OutcomeUnknown, Unavailable
from aether.store.protocol import PROTOCOL, Answer, Failed, Get, Hello, add_frame
from aether.store.remote import link as link_module
from aether.store.remote.link import Link
from aether.tasks import Tasks
from tests.integration.store_rig import until


class Listener:
    def __init__(self) -> None:
        self.told: list[str] = []

    def connected(self) -> None:
        self.told.append("connected")

    def disconnected(self) -> None:
        self.told.append("disconnected")

    def heard(self, message: Answer) -> None:
        self.told.append(type(message).__name__)


class Peer:
    """Accepts, greets as told, and answers nothing by itself."""

    def __init__(self, hello: Answer) -> None:
        self.hello = hello
        self.writers: list[asyncio.StreamWriter] = []

    async def accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.say(self.hello)

    def say(self, *messages: Answer) -> None:
        frames = bytearray()
        for message in messages:
            add_frame(frames, message)
        self.writers[-1].write(bytes(frames))


@asynccontextmanager
async def linked(hello: Answer) -> AsyncIterator[tuple[Link, Peer, Listener]]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as folder:
        path, peer, listener, tasks = Path(folder) / "s", Peer(hello), Listener(), Tasks()
        server = await asyncio.start_unix_server(peer.accept, str(path))
        link = Link(path, "node-1", "one", listener)
        tasks.start("link", link.run())
        try:
            yield link, peer, listener
        finally:
            await tasks.stop()
            for writer in peer.writers:
                writer.close()
            server.close()


HELLO = Hello(PROTOCOL, "node-1", "one", 1)


async def test_calls_in_flight_when_the_connection_is_lost_are_told_apart() -> None:
    async with linked(HELLO) as (link, peer, listener), asyncio.TaskGroup() as group:
        await until(lambda: link.is_up)
        write = group.create_task(_error_of(link.submit(b"c", 5.0)))
        read = group.create_task(_error_of(link.read(lambda n, ms: Get(n, ms, True, "k"), 5.0)))
        await until(lambda: len(link._calls) == 2)
        peer.writers[-1].close()
        assert isinstance(await write, OutcomeUnknown)
        assert isinstance(await read, Unavailable)
        await until(lambda: listener.told == ["connected", "disconnected", "connected"])


async def _error_of(call: Awaitable[object]) -> BaseException | None:
    try:
        await call
    except Exception as problem:  # noqa: BLE001 - the test looks at whatever it is
        return problem
    return None


async def test_a_process_that_does_not_answer_in_time_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "GRACE_S", 0.0)
    monkeypatch.setattr(link_module, "SWEEP_S", 0.01)
    async with linked(HELLO) as (link, _, _):
        await until(lambda: link.is_up)
        with pytest.raises(OutcomeUnknown, match="in time"):
            await link.submit(b"c", 0.05)


@pytest.mark.parametrize(
    "hello",
    [
        Hello(PROTOCOL + 1, "node-1", "one", 1),
        Hello(PROTOCOL, "node-2", "one", 1),
        Hello(PROTOCOL, "node-1", "other", 1),
    ],
)
async def test_a_stranger_at_the_socket_is_not_talked_to(hello: Hello) -> None:
    async with linked(hello) as (link, peer, listener):
        await until(lambda: len(peer.writers) >= 2)
        with pytest.raises(NoQuorum, match=r"did not answer within 0\.05 s"):
            await link.submit(b"c", 0.05)
    assert listener.told == []


async def test_answers_nobody_waits_for_go_to_the_listener_or_nowhere() -> None:
    async with linked(HELLO) as (link, peer, listener):
        await until(lambda: link.is_up)
        peer.say(Failed(77, "conflict", "compacted", "gone"))
        await until(lambda: listener.told == ["connected", "Failed"])
