"""What is in flight when an instance leaves the table, or when a router is replaced, is answered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from aether.core.dataplane.table import Endpoint, Table
from aether.core.model.ids import NodeId
from aether.dataplane.feed import TableFeed
from aether.dataplane.limits import Limits
from aether.dataplane.listeners import Places
from aether.dataplane.router import Router
from aether.dataplane.settings import RouterSettings
from tests.integration.router_rig import (
    WAIT_S,
    Held,
    Origin,
    Rig,
    Wire,
    fetch,
    head,
    local,
    remote,
    row,
    until,
)

IDLE_S = 0.3


class Fed:
    """A router in this process, fed by a node's side of the table link."""

    def __init__(self, folder: Path, node: str) -> None:
        self.node = node
        (folder / node / "run").mkdir(parents=True)
        self.feed = TableFeed(folder / node / "run" / "router.sock.table")
        settings = RouterSettings(node=node, port=0, mesh_port=0, handover_s=IDLE_S)
        self.router = Router(Places(data_dir=folder / node), settings, Limits(drain_s=0.2))
        self._revision = 0

    async def use(self, *endpoints: Endpoint) -> None:
        """Publish a table and wait until the router says that it uses it."""
        self._revision += 1
        revision, node = self._revision, NodeId(self.node)
        self.feed.publish(Table(revision=revision, node=node, routes=(row(),), instances=endpoints))
        await until(lambda: self.feed.confirmed == revision)

    @property
    def public(self) -> str:
        return self.router.addresses["public"]


@contextlib.asynccontextmanager
async def fed(rig: Rig, node: str) -> AsyncIterator[Fed]:
    made = Fed(rig.folder, node)
    await made.feed.start()
    await made.router.start()
    try:
        yield made
    finally:
        await made.router.stop()
        await made.feed.stop()


async def test_an_instance_that_leaves_answers_what_it_has_and_gets_nothing_more(rig: Rig) -> None:
    """As a node stops one: its routers confirm the table, then the host waits for what it has.

    The other node has not heard yet: what it sends meanwhile goes elsewhere, also what may not be
    repeated, for it was not delivered.
    """
    held = Held()
    leaving, staying = await rig.origin("leaving", held), await rig.origin("staying")
    async with fed(rig, "node-1") as here, fed(rig, "node-2") as there:
        mesh = here.router.addresses["mesh"]
        await here.use(local("node-1", leaving))
        await there.use(remote("node-1", mesh))
        async with Wire.to(here.public) as near, Wire.to(there.public) as far:
            for wire in (near, far):
                wire.writer.write(head("/", "Content-Length: 0", method="POST").encode())
            await until(lambda: len(leaving.requests) == 2)
            await there.use(remote("node-1", mesh), local("node-2", staying, 1))
            await here.use(remote("node-2", there.router.addresses["mesh"], 1))
            for _ in range(6):
                answer = await fetch(there.public, "/", "Content-Length: 0", method="POST")
                assert (answer.status, answer.json()["name"]) == (200, "staying")
            assert len(leaving.requests) == 2
            held.release.set()
            assert [(await wire.read()).body for wire in (near, far)] == [b"at last"] * 2
    assert len(leaving.requests) == 2


async def test_a_replaced_router_answers_once_more_and_closes_what_nobody_uses(rig: Rig) -> None:
    origin = await rig.origin("a")
    async with fed(rig, "node-1") as here:
        await here.use(local("node-1", origin))
        async with Wire.to(here.public) as asks, Wire.to(here.public) as idles:
            for wire in (asks, idles):
                assert "connection" not in (await wire.get("/")).headers
            here.router.hand_over()
            finishing = asyncio.get_running_loop().create_task(here.router.finish())
            await until(lambda: here.router.health()["status"] == "draining")
            answer = await asks.get("/")
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert await asks.is_closed()
            assert await idles.is_closed()
            async with asyncio.timeout(WAIT_S):
                await finishing
        assert here.router.health()["clients"] == 0


async def test_a_replaced_router_with_nobody_there_is_done_at_once(rig: Rig) -> None:
    origin: Origin = await rig.origin("a")
    async with fed(rig, "node-1") as here:
        await here.use(local("node-1", origin))
        here.router.hand_over()
        began = asyncio.get_running_loop().time()
        await here.router.finish()
        assert asyncio.get_running_loop().time() - began < IDLE_S
        with pytest.raises(ConnectionError):
            await fetch(here.public, "/")


async def test_requests_that_are_cut_off_at_the_stop_are_named_by_their_traces(rig: Rig) -> None:
    held, trace = Held(), "0af7651916cd43dd8448eb211c80319c"
    origin = await rig.origin("slow", held)
    with structlog.testing.capture_logs() as logs:
        async with fed(rig, "node-1") as here:
            await here.use(local("node-1", origin))
            async with Wire.to(here.public) as wire, Wire.to(here.public):
                parent = f"traceparent: 00-{trace}-b7ad6b7169203331-00"
                wire.writer.write(head("/", "Content-Length: 0", parent, method="POST").encode())
                await until(lambda: origin.requests)
                await here.router.stop()
        held.release.set()
    (line,) = [each for each in logs if each["event"] == "requests cut off at stop"]
    assert line["traces"] == [trace]
