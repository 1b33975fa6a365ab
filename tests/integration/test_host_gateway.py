"""The node's side of a slice's Kv against requests nobody should send."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from aether.frames import pack, read_frame, write_frame
from aether.host.gateway import HostGateway
from aether.ports import Store
from tests.integration.kv_rig import World, kv_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with kv_world() as made:
        yield made


@pytest.mark.parametrize(
    "request_",
    [
        {},
        [],
        5,
        {"id": 1, "op": "kv.get"},
        {"id": 1, "token": 5, "op": "kv.get", "key": "k"},
        {"id": 1, "token": "secret-a", "op": "kv.get", "key": 5},
        {"id": 1, "token": "secret-a", "op": "kv.put", "key": "k", "value": "text"},
        {"id": 1, "token": "secret-a", "op": "kv.put", "key": "k", "value": b"", "version": "x"},
        {"id": 1, "token": "secret-a", "op": "kv.range", "prefix": "", "limit": 10**9},
        {"id": 1, "token": "secret-a", "op": "drop everything"},
    ],
)
async def test_a_malformed_request_is_answered_and_the_link_lives_on(
    world: World, request_: Any
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(world.socket))
    await write_frame(writer, request_)
    answer = await read_frame(reader)
    assert answer is not None
    assert (answer["ok"], answer["code"]) == (False, "invalid")
    good = {"id": 2, "token": "secret-a", "op": "kv.get", "key": "k"}
    await write_frame(writer, good)
    assert await read_frame(reader) == {"id": 2, "ok": True, "entry": None}
    writer.close()


async def test_what_is_not_a_frame_ends_the_link(world: World) -> None:
    reader, writer = await asyncio.open_unix_connection(str(world.socket))
    writer.write(b"\xff\xff\xff\xff garbage")
    assert await reader.read() == b""
    writer.close()


async def test_the_socket_is_for_its_owner_only(world: World) -> None:
    assert world.socket_mode() == 0o600


async def test_many_requests_at_once_are_all_answered(world: World) -> None:
    reader, writer = await asyncio.open_unix_connection(str(world.socket))
    count = 300  # more than may be under way at once
    for number in range(count):
        request = {"id": number, "token": "secret-a", "op": "kv.get", "key": f"k{number}"}
        await write_frame(writer, request)
    answers = [await read_frame(reader) for _ in range(count)]
    assert sorted(answer["id"] for answer in answers if answer) == list(range(count))
    writer.close()


async def test_a_host_that_takes_no_answers_is_not_heard_further(world: World) -> None:
    reader, writer = await asyncio.open_unix_connection(str(world.socket), limit=1024)
    question = pack({"id": 1, "token": "secret-a", "op": "drop everything"}) * 1000
    asked = 0
    while await _takes(writer, question):
        asked += 1000
        assert asked < 300_000, "questions without end are collected"
    async with asyncio.timeout(30):  # once it takes the answers, all its questions are answered
        for _ in range(asked + 1000):
            assert await read_frame(reader) is not None
    writer.close()


async def _takes(writer: asyncio.StreamWriter, data: bytes) -> bool:
    writer.write(data)
    try:
        async with asyncio.timeout(1):
            await writer.drain()
    except TimeoutError:
        return False
    return True


class Closed:
    """The writer of a link that has just been closed, as the faster event loop has it."""

    @property
    def transport(self) -> "Closed":
        return self

    def is_closing(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        raise RuntimeError("unable to perform operation; the handler is closed")


def test_a_link_that_is_being_closed_is_asked_for_nothing(tmp_path: Path) -> None:
    gateway = HostGateway(tmp_path / "s", cast("Store", None), lambda _: None)
    gateway._tracing = {cast("asyncio.StreamWriter", Closed()): None}
    gateway.ask(["a" * 32])
    assert len(gateway._tracing) == 1
