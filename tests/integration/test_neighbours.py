"""Limits that hold over all router processes of a node: real processes, killed ones among them."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import structlog

from aether.core.dataplane.lanes import SIZE
from aether.dataplane import neighbours
from aether.dataplane.neighbours import Neighbours, folder_of
from aether.dataplane.settings import read_settings, write_settings
from tests.integration.router_rig import (
    WAIT_S,
    Rig,
    RouterProcess,
    Wire,
    local,
    row,
    until,
)
from tests.integration.test_handover import Workers, workers_of

ADDRESS_CLIENTS = 6
BURST = 12
RATE = 2.0
ROUTE = "GET /a"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    yield made / "limits"
    shutil.rmtree(made)


@contextlib.asynccontextmanager
async def two_workers(router: RouterProcess) -> AsyncIterator[Workers]:
    async with workers_of(router, 2) as workers:
        settings = read_settings(router.data_dir)
        write_settings(
            router.data_dir, msgspec.structs.replace(settings, address_clients=ADDRESS_CLIENTS)
        )
        await workers.start(0)
        await workers.start(1)
        try:
            yield workers
        finally:
            await workers.close()
            shutil.rmtree(folder_of(router.data_dir), ignore_errors=True)


async def connected(router: RouterProcess, stack: contextlib.AsyncExitStack) -> Wire | None:
    """Open a connection; return None when it is refused because the address holds too many."""
    wire = await stack.enter_async_context(Wire.to(router.public))
    try:
        answer = await wire.get("/free")
    except (ConnectionError, asyncio.IncompleteReadError):
        return None
    return wire if answer.status == 200 else None


async def test_a_rate_is_that_of_the_node(rig: Rig) -> None:
    origin = await rig.origin("a")
    router = await rig.router()
    rows = [row(pattern="/limited", rate=RATE, burst=BURST), row()]
    await router.use(rows, [local("node-1", origin)])
    async with two_workers(router), contextlib.AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        wires = [await connected(router, stack) for _ in range(ADDRESS_CLIENTS)]
        began, statuses = loop.time(), []
        for turn in range(5 * BURST):
            wire = wires[turn % ADDRESS_CLIENTS]
            assert wire is not None
            statuses.append((await wire.get("/limited")).status)
        took = loop.time() - began
        let_through = statuses.count(200)
        assert set(statuses) == {200, 429}
        assert BURST <= let_through <= BURST + RATE * (took + neighbours.LOOK_S) + 1


async def test_connections_of_an_address_are_counted_over_all_workers(rig: Rig) -> None:
    origin = await rig.origin("a")
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    async with two_workers(router) as workers, contextlib.AsyncExitStack() as stack:
        tried = [await connected(router, stack) for _ in range(4 * ADDRESS_CLIENTS)]
        assert sum(wire is not None for wire in tried) == ADDRESS_CLIENTS
        workers.started[1].kill()
        await workers.started[1].wait()
        await until(lambda: len(list(folder_of(router.data_dir).iterdir())) == 1)
        left = [wire for wire in tried if wire is not None and not await lost(wire)]
        more = [await connected(router, stack) for _ in range(2 * ADDRESS_CLIENTS)]
        assert len(left) + sum(wire is not None for wire in more) == ADDRESS_CLIENTS


async def lost(wire: Wire) -> bool:
    try:
        async with asyncio.timeout(WAIT_S):
            return (await wire.get("/free")).status != 200
    except (ConnectionError, asyncio.IncompleteReadError):
        return True


def test_a_process_parts_with_those_that_have_ended_and_tidies_up(folder: Path) -> None:
    one, two = Neighbours(folder, 0, 2), Neighbours(folder, 1, 2)
    one.look_around()
    one.crowds.enter("10.0.0.1")
    assert two.crowds.elsewhere("10.0.0.1") == 1
    assert [one.rates.admit(ROUTE, 1, 2, 9.0), one.rates.admit(ROUTE, 1, 2, 9.0)] == [0.0, 0.0]
    assert two.rates.admit(ROUTE, 1, 2, 9.0) > 0.0
    one.close()
    two.look_around()
    assert two.crowds.elsewhere("10.0.0.1") == 0
    two.close()
    assert not folder.exists()


def test_what_is_no_lane_is_left_alone_and_named_once(folder: Path) -> None:
    one = Neighbours(folder, 0, 2)
    (folder / "1-2-short").write_bytes(b"short")
    (folder / "1-2-other").write_bytes(bytes(SIZE))
    with structlog.testing.capture_logs() as logs:
        one.look_around()
        one.look_around()
    assert sorted(Path(each["path"]).name for each in logs) == ["1-2-other", "1-2-short"]
    assert one.rates.admit(ROUTE, 1, 1, 9.0) == 0.0
    one.close()
    assert sorted(each.name for each in folder.iterdir()) == ["1-2-other", "1-2-short"]


def test_who_clears_the_folder_away_does_not_end_what_is_known(folder: Path) -> None:
    one, two = Neighbours(folder, 0, 2), Neighbours(folder, 1, 2)
    one.look_around()
    shutil.rmtree(folder)
    one.look_around()
    assert [two.rates.admit(ROUTE, 1, 1, 9.0), one.rates.admit(ROUTE, 1, 1, 9.0)] == [0.0, 1.0]
    one.close()
    two.close()
    assert not folder.exists()


def test_a_folder_that_others_may_write_to_is_not_used(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="is not a folder of this user alone: remove it"):
        Neighbours(folder, 0, 2)
