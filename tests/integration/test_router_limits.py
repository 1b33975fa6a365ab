"""A router inside the test, on plain asyncio and with low limits: deadlines and bounds."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane.limits import Limits
from aether.dataplane.listeners import Places
from aether.dataplane.router import Router
from aether.dataplane.settings import RouterSettings
from aether.dataplane.table_file import write_table
from tests.integration.router_rig import (
    POLL_S,
    Held,
    Message,
    Origin,
    Rig,
    Wire,
    head,
    local,
    plain,
    row,
    until,
)

LOW = Limits(
    header_s=0.3,
    idle_s=0.6,
    linger_s=0.3,
    drain_s=0.3,
    header_bytes=2048,
    clients=3,
    trusted=("127.0.0.0/8",),
)


class Inside:
    """A router whose limits the test chooses."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.places = Places(data_dir=folder)
        settings = RouterSettings(node="node-1", port=0, mesh_port=0)
        self.router = Router(self.places, settings, limits)

    async def __aenter__(self) -> str:
        await self.router.start()
        return self.router.addresses["public"]

    async def __aexit__(self, *_: object) -> None:
        await self.router.stop()


def serving(rig: Rig, origin: Origin, limits: Limits = LOW, timeout_s: float = 5.0) -> Inside:
    inside = Inside(rig.folder, limits)
    table = Table(
        revision=1,
        node=NodeId("node-1"),
        routes=(row(timeout_s=timeout_s),),
        instances=(local("node-1", origin),),
    )
    write_table(inside.places.table_file, table)
    return inside


async def test_head_that_never_ends_is_timed_out(rig: Rig, echo: Origin) -> None:
    async with serving(rig, echo) as address, Wire.to(address) as wire:
        answer = await wire.ask("GET / HTTP/1.1\r\nHost: a\r\n")
        assert (answer.status, answer.json()["code"]) == (408, "timeout")
        assert await wire.is_closed()


async def test_dripping_head_does_not_extend_its_time(rig: Rig, echo: Origin) -> None:
    async with serving(rig, echo) as address, Wire.to(address) as wire:
        wire.writer.write(b"GET / HTTP/1.1\r\n")

        async def drip() -> None:
            for _ in range(500):
                wire.writer.write(b"X: y\r\n")
                await asyncio.sleep(POLL_S)

        dripping = asyncio.get_running_loop().create_task(drip())
        assert (await wire.read()).status == 408
        dripping.cancel()


async def test_idle_connection_is_closed_without_a_word(rig: Rig, echo: Origin) -> None:
    async with serving(rig, echo) as address, Wire.to(address) as wire:
        assert (await wire.get("/")).status == 200
        assert await wire.is_closed()


async def test_body_that_stops_is_the_clients_fault(rig: Rig, echo: Origin) -> None:
    async with serving(rig, echo, timeout_s=0.3) as address, Wire.to(address) as wire:
        answer = await wire.ask(head("/", "Content-Length: 10", method="POST") + "abc")
        assert (answer.status, answer.json()["code"]) == (408, "timeout")


async def test_answer_that_stops_is_cut(rig: Rig) -> None:
    async def stop(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")

    origin = await rig.origin("s", stop)
    async with serving(rig, origin, timeout_s=0.3) as address, Wire.to(address) as wire:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await wire.get("/")


async def test_answer_with_too_large_a_head_is_a_lost_one(rig: Rig) -> None:
    async def long_head(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(plain(b"", "x-long: " + "a" * 4000))

    origin = await rig.origin("l", long_head)
    async with serving(rig, origin) as address, Wire.to(address) as wire:
        answer = await wire.get("/", "Content-Length: 0", method="POST")
        assert (answer.status, answer.json()["code"]) == (502, "upstream_lost")


async def test_interim_answers_stay_between_instance_and_router(rig: Rig) -> None:
    async def early(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 3 + plain(b"ok"))

    origin = await rig.origin("e", early)
    async with serving(rig, origin) as address, Wire.to(address) as wire:
        for _ in range(2):
            assert (await wire.get("/")).body == b"ok"


async def test_clients_over_the_limit_are_told_so(rig: Rig, echo: Origin) -> None:
    async with (
        serving(rig, echo, replace(LOW, idle_s=5.0)) as address,
        Wire.to(address) as one,
        Wire.to(address) as two,
        Wire.to(address) as three,
    ):
        for wire in (one, two, three):
            assert (await wire.get("/")).status == 200
        async with Wire.to(address) as fourth:
            answer = await fourth.read()
            assert (answer.status, answer.json()["code"]) == (503, "no_endpoint")
            assert await fourth.is_closed()


async def test_connections_to_an_instance_are_bounded(rig: Rig) -> None:
    held = Held()
    origin = await rig.origin("w", held)
    limits = replace(LOW, upstream_connections=1)
    async with (
        serving(rig, origin, limits) as address,
        Wire.to(address) as one,
        Wire.to(address) as two,
    ):
        one.writer.write(head("/").encode())
        await until(lambda: origin.requests)
        full = await two.get("/")
        assert (full.status, full.json()["code"]) == (503, "no_endpoint")
        held.release.set()
        assert (await one.read()).body == b"at last"
        assert (await two.get("/")).status == 200
    assert origin.connections == 1


async def test_client_that_leaves_frees_the_instance(rig: Rig) -> None:
    ended = asyncio.Event()

    async def wait(
        _request: Message, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
    ) -> None:
        if await reader.read(1) == b"":
            ended.set()

    origin = await rig.origin("w", wait)
    async with serving(rig, origin) as address:
        async with Wire.to(address) as wire:
            wire.writer.write(head("/").encode())
            await until(lambda: origin.requests)
        async with asyncio.timeout(5):
            await ended.wait()
    assert len(origin.requests) == 1


async def test_early_answer_to_an_upload_ends_the_connection(rig: Rig) -> None:
    async def refuse(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(plain(b"no", status="403 Forbidden"))

    origin = await rig.origin("r", refuse)
    async with serving(rig, origin) as address, Wire.to(address) as wire:
        answer = await wire.ask(head("/", "Content-Length: 100000", method="POST") + "x" * 1000)
        assert (answer.status, answer.body) == (403, b"no")
        wire.writer.write(b"x" * 1000)
        assert await wire.is_closed()


async def test_second_router_of_a_node_leaves_the_first_alone(rig: Rig, echo: Origin) -> None:
    async with serving(rig, echo) as address:
        places = Places(data_dir=rig.folder)
        taken = int(address.rpartition(":")[2])
        second = Router(places, RouterSettings(node="node-1", port=taken, mesh_port=0), LOW)
        with pytest.raises(OSError, match="in use"):
            await second.start()
        await second.stop()
        async with Wire.to(str(places.socket)) as wire:
            assert (await wire.get("/_aether/health")).status == 200


async def test_stop_cuts_off_what_does_not_finish(rig: Rig) -> None:
    async def stall(*_: object) -> None:
        await asyncio.Event().wait()

    origin = await rig.origin("w", stall)
    inside = serving(rig, origin)
    address = await inside.__aenter__()
    async with Wire.to(address) as wire:
        wire.writer.write(head("/").encode())
        await until(lambda: origin.requests)
        async with asyncio.timeout(3):
            await inside.__aexit__()
        assert await wire.is_closed()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
