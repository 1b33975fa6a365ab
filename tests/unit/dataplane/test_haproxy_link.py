"""What is said to haproxy, and what is done when it does not take it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aether.core.dataplane.haproxy import CONFIG, MAP, Place
from aether.core.dataplane.rows import Endpoint, RouteRow
from aether.core.dataplane.table import Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.haproxy_link import HaproxyLink

BASE = SliceBase("g:s")


class Haproxy:
    """Both sockets of a haproxy, which notes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.reloads = 0
        self.refuses = ""
        self.busy = False

    async def start(self) -> list[asyncio.AbstractServer]:
        return [
            await asyncio.start_unix_server(self._runtime, str(self.folder / "rt.sock")),
            await asyncio.start_unix_server(self._master, str(self.folder / "master.sock")),
        ]

    async def _master(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"reload\n"
        self.reloads += 1
        writer.close()

    async def _runtime(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode().strip()
        if line == "show info":
            writer.write(f"Name: HAProxy\nPid: {100 + self.reloads}\n".encode())
        elif line.startswith("del server"):
            writer.write(b"Server still has connections.\n" if self.busy else b"Server deleted.\n")
        else:
            self.told += line.split(";")
            writer.write(f"{self.refuses}\n".encode())
        writer.close()


@pytest.fixture
async def haproxy() -> AsyncIterator[Haproxy]:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    made = Haproxy(folder)
    servers = await made.start()
    yield made
    for server in servers:
        server.close()
        await server.wait_closed()
    shutil.rmtree(folder)


def link(haproxy: Haproxy) -> HaproxyLink:
    folder = haproxy.folder
    place = Place(folder=str(folder), runtime=f"{folder}/rt.sock", address="127.0.0.1", port=80)
    return HaproxyLink(place, folder / "master.sock")


def table(*numbers: int) -> Table:
    instances = [
        Endpoint(
            instance=InstanceId(f"{BASE}:1.0.0/{each}"),
            slice=BASE,
            node=NodeId("n"),
            socket=f"/run/{each}.sock",
        )
        for each in numbers
    ]
    routes = (RouteRow(method="GET", pattern="/a", slice=BASE),)
    return Table(revision=1, node=NodeId("n"), routes=routes, instances=tuple(instances))


async def test_the_first_table_is_a_reload_and_further_endpoints_are_commands(
    haproxy: Haproxy,
) -> None:
    made = link(haproxy)
    assert made.is_behind
    await made.tell(table(0))
    assert (haproxy.reloads, haproxy.told, made.is_behind) == (1, [], False)
    await made.tell(table(0, 1))
    assert haproxy.reloads == 1
    assert haproxy.told[0].startswith("add server g:s/g:s:1.0.0:1 unix@/run/1.sock")
    assert "g:s:1.0.0:1" in (haproxy.folder / CONFIG).read_text()
    assert (haproxy.folder / MAP).read_text().count("g:s") == 1


async def test_many_commands_go_in_lines_haproxy_can_read(haproxy: Haproxy) -> None:
    made = link(haproxy)
    await made.tell(table(0))
    await made.tell(table(*range(100)))
    assert len(haproxy.told) == 3 * 99
    assert haproxy.reloads == 1


async def test_a_server_that_still_answers_is_deleted_later(haproxy: Haproxy) -> None:
    made = link(haproxy)
    await made.tell(table(0, 1))
    haproxy.busy = True
    await made.tell(table(0))
    assert made.is_behind
    haproxy.busy = False
    await made.tell(table(0))
    assert not made.is_behind


async def test_a_command_that_is_not_taken_leads_to_a_reload(haproxy: Haproxy) -> None:
    made = link(haproxy)
    await made.tell(table(0))
    haproxy.refuses = "A server of this name exists already"
    await made.tell(table(0, 1))
    assert haproxy.reloads == 2
    assert not made.is_behind


async def test_a_haproxy_that_is_gone_is_told_all_of_it_later(haproxy: Haproxy) -> None:
    made = link(haproxy)
    await made.tell(table(0))
    runtime = haproxy.folder / "rt.sock"
    runtime.rename(haproxy.folder / "away")
    with pytest.raises(FileNotFoundError):
        await made.tell(table(0, 1))
    assert made.is_behind
    (haproxy.folder / "away").rename(runtime)
    await made.tell(table(0, 1))
    assert haproxy.reloads == 2
    assert not made.is_behind
