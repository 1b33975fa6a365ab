"""Router processes replace each other: sockets change hands, and no request is lost."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aether.dataplane import handover
from aether.dataplane.listeners import Places, control_path
from aether.dataplane.router import Router
from aether.dataplane.settings import RouterSettings, write_settings
from tests.integration.router_rig import (
    POLL_S,
    WAIT_S,
    Held,
    Origin,
    Rig,
    RouterProcess,
    Wire,
    fetch,
    head,
    local,
    row,
    until,
)

PAUSE_S = 0.01


class Workers:
    """Router processes of one node, started as the node starts them."""

    def __init__(self, router: RouterProcess, workers: int = 1) -> None:
        self.router = router
        self.data_dir = router.data_dir
        self.started: list[asyncio.subprocess.Process] = []
        ports = [int(router.addresses[name].rpartition(":")[2]) for name in ("public", "mesh")]
        write_settings(
            self.data_dir,
            RouterSettings(
                node=router.node, port=ports[0], mesh_port=ports[1], workers=workers, handover_s=10
            ),
        )

    async def start(self, worker: int = 0) -> asyncio.subprocess.Process:
        """Start a process and wait until its pid file names it."""
        command = ["-m", "aether.dataplane", "--data-dir", str(self.data_dir)]
        with (self.data_dir / "router.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, "--worker", str(worker), stderr=log
            )
        self.started.append(process)
        pid_file = control_path(self.data_dir, worker).with_suffix(".pid")
        await until(lambda: _pid(pid_file) == process.pid or process.returncode is not None)
        assert process.returncode is None, self.router.log()
        return process

    async def close(self) -> None:
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def workers_of(router: RouterProcess, workers: int = 1) -> AsyncIterator[Workers]:
    made = Workers(router, workers)
    try:
        yield made
    finally:
        await made.close()


def _pid(path: Path) -> int:
    try:
        return int(path.read_text().split()[0])
    except (OSError, IndexError, ValueError):
        return 0


class Traffic:
    """200 requests/s, on connections that are kept and on new ones."""

    def __init__(self, address: str) -> None:
        self.statuses: list[int] = []
        self._address = address
        self._done = False

    @contextlib.asynccontextmanager
    async def flowing(self) -> AsyncIterator["Traffic"]:
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(self._kept())
            for _ in range(2):
                group.create_task(self._fresh())
            try:
                yield self
            finally:
                self._done = True

    async def goes_on(self, requests: int = 100) -> None:
        """Wait for more answers."""
        size = len(self.statuses) + requests
        await until(lambda: len(self.statuses) > size)

    async def _kept(self) -> None:
        while not self._done:
            async with Wire.to(self._address) as wire:
                keep = True
                while keep and not self._done:
                    answer = await wire.get("/")
                    self.statuses.append(answer.status)
                    keep = answer.headers.get("connection") != "close"
                    await asyncio.sleep(8 * PAUSE_S)

    async def _fresh(self) -> None:
        while not self._done:
            self.statuses.append((await fetch(self._address, "/", "Connection: close")).status)
            await asyncio.sleep(2 * PAUSE_S)


async def test_traffic_notices_no_replacement(rig: Rig) -> None:
    origin = await rig.origin("a")
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    async with workers_of(router) as workers, Traffic(router.public).flowing() as traffic:
        assert router.process is not None
        earlier = router.process
        for _ in range(2):
            await traffic.goes_on()
            later = await workers.start()
            async with asyncio.timeout(WAIT_S):
                assert await earlier.wait() == 0
            earlier = later
        await traffic.goes_on()
    assert set(traffic.statuses) == {200}
    assert len(traffic.statuses) > 300


async def test_the_replaced_process_answers_what_is_in_flight_and_asks_to_close(rig: Rig) -> None:
    held = Held("/slow")
    origin = await rig.origin("w", held)
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    async with (
        workers_of(router) as workers,
        Wire.to(router.public) as busy,
        Wire.to(router.public) as idle,
    ):
        assert (await idle.get("/")).status == 200
        busy.writer.write(head("/slow").encode())
        await until(lambda: len(origin.requests) == 2)
        later = await workers.start()
        answer = await idle.get("/")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await idle.is_closed()
        health = (await fetch(router.local, "/_aether/health")).json()
        assert health["pid"] == later.pid
        assert health["revision"] == router.revision
        held.release.set()
        answer = await busy.read()
        assert (answer.body, answer.headers["connection"]) == (b"at last", "close")
        assert router.process is not None
        async with asyncio.timeout(WAIT_S):
            assert await router.process.wait() == 0


async def test_a_successor_that_dies_before_it_serves_changes_nothing(rig: Rig) -> None:
    origin = await rig.origin("a")
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    offer = await _ask(router, "take")
    assert offer is not None
    assert sorted(offer.sockets) == ["local", "mesh", "public"]
    assert (offer.pid, offer.revision) == (router.pid, router.revision)
    offer.close()
    assert (await fetch(router.public, "/")).status == 200
    again = await _ask(router, "take")
    assert again is not None, "it can be asked again"
    again.close()
    assert (await fetch(router.local, "/_aether/health")).json()["status"] == "ok"


async def test_a_predecessor_that_dies_meanwhile_leaves_the_successor_serving(rig: Rig) -> None:
    origin = await rig.origin("a")
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    async with workers_of(router) as workers:
        os.kill(router.pid, signal.SIGSTOP)
        starting = asyncio.get_running_loop().create_task(workers.start())
        await asyncio.sleep(POLL_S)
        os.kill(router.pid, signal.SIGKILL)
        await starting
        for _ in range(5):
            assert (await fetch(router.public, "/")).status == 200


async def test_workers_share_the_ports_and_outlive_each_other(rig: Rig) -> None:
    origin = await rig.origin("a")
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    async with workers_of(router, 2) as workers:
        first, second = await workers.start(0), await workers.start(1)
        pids = {first.pid, second.pid}
        await until(lambda: router.feed is not None and pids <= set(router.feed.using))
        seen = {first.pid: 0, second.pid: 0}
        for pid, path in zip(seen, (0, 1), strict=True):
            health = await asyncio.to_thread(handover.health, control_path(router.data_dir, path))
            assert (health["pid"], health["worker"], health["workers"]) == (pid, path, 2)
        await _reached(router, pids)
        second.kill()
        await second.wait()
        for _ in range(20):
            assert (await fetch(router.public, "/")).status == 200
        third = await workers.start(1)
        await _reached(router, {first.pid, third.pid})
        await _ends(first)
        assert (await fetch(router.local, "/_aether/health")).json()["pid"] == third.pid
        assert (await fetch(router.public, "/")).status == 200
        await _ends(third)
        assert not list(router.data_dir.glob("run/router.sock")), "the last one takes the file away"


async def _ends(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    async with asyncio.timeout(WAIT_S):
        assert await process.wait() == 0


async def _reached(router: RouterProcess, pids: set[int]) -> None:
    """Wait until new connections to the public and the local listener have reached all of them."""
    requests: dict[int, int] = {}
    async with asyncio.timeout(WAIT_S):
        while set(requests) != pids or not all(requests.values()):
            assert (await fetch(router.public, "/")).status == 200
            health = (await fetch(router.local, "/_aether/health")).json()
            requests[health["pid"]] = health["requests"]


async def test_a_port_that_another_node_holds_is_not_shared(rig: Rig) -> None:
    router = await rig.router()
    other = rig.folder / "node-2"
    other.mkdir()
    port = int(router.public.rpartition(":")[2])
    second = Router(
        Places(data_dir=other, workers=2),
        RouterSettings(node="node-2", port=port, mesh_port=0, workers=2),
    )
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
        await second.start()
    await second.stop()


async def _ask(router: RouterProcess, op: str) -> handover.Offer | None:
    return await asyncio.to_thread(handover.ask, control_path(router.data_dir, 0), op)


async def test_a_stopped_node_leaves_a_router_that_starts_by_hand(rig: Rig) -> None:
    """Nothing but the data directory: the settings and the table a node left there are enough."""
    origin: Origin = await rig.origin("a")
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    await until((router.data_dir / "router" / "table.json").exists)
    async with workers_of(router) as workers:
        assert router.feed is not None
        await router.feed.stop()
        await router.kill()
        await workers.start()
        assert (await fetch(router.public, "/")).json()["name"] == "a"
        router.feed = None
