"""Limits that hold over all router processes of a node: real processes, killed ones among them."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
import structlog

from aether.core.dataplane.balance import Balancer
from aether.core.dataplane.lanes import SIZE
from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane import handover, neighbours
from aether.dataplane.context import Context
from aether.dataplane.limits import Limits
from aether.dataplane.listeners import control_path
from aether.dataplane.neighbours import Neighbours, folder_of, join
from aether.dataplane.pool import Pool
from aether.dataplane.routing import Routing
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
        for worker in (0, 1):
            await workers.start(worker)
        try:
            for worker in (0, 1):
                await until(partial(knows_one, control_path(router.data_dir, worker)))
            yield workers
        finally:
            await workers.close()
            shutil.rmtree(folder_of(router.data_dir), ignore_errors=True)


def knows_one(control: Path) -> bool:
    return bool(handover.health(control)["neighbours"] == 1)


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
        # Two workers may accept at the same instant: one more than the cap is within its bound.
        assert sum(wire is not None for wire in tried) - ADDRESS_CLIENTS in (0, 1)
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


def context() -> Context:
    limits, now = Limits(), lambda: 9.0
    return Context(
        routing=Routing(Table(revision=0, node=NodeId("node-1"))),
        balancer=Balancer(),
        pool=Pool(limits, now),
        limits=limits,
        now=now,
        revision=lambda: 0,
    )


def retries(of: Context) -> int:
    """How many retries are granted without a request."""
    return sum(of.retry_budget.may_retry(9.0) for _ in range(100))


async def test_one_worker_alone_shares_nothing(folder: Path) -> None:
    alone = context()
    rates = alone.rates
    assert join(alone, folder, 0, 1) is None
    assert (alone.rates, alone.admission.crowds, retries(alone)) == (rates, None, 30)


async def test_workers_share_rates_connections_and_the_floor_of_retries(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "folder_of", lambda _data_dir: folder)
    sides = [context() for _ in range(3)]
    joined = [join(side, folder, worker, 3) for worker, side in enumerate(sides)]
    for each in joined:
        assert each is not None
        each.look_around()
    assert [side.rates.admit(ROUTE, 1, 2, 9.0) for side in sides] == [0.0, 0.0, 1.0]
    sides[0].admission.enter("10.0.0.1")
    crowds = [side.admission.crowds for side in sides]
    assert [crowd.elsewhere("10.0.0.1") for crowd in crowds if crowd is not None] == [0, 1, 1]
    assert [retries(side) for side in sides] == [10, 10, 10]
    for each in joined:
        assert each is not None
        each.close()


async def test_a_worker_that_can_have_no_lane_limits_for_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "folder_of", lambda _data_dir: Path(os.devnull) / "lanes")
    one = context()
    rates = one.rates
    with structlog.testing.capture_logs() as logs:
        assert join(one, folder, 0, 2) is None
    assert [each["event"] for each in logs] == ["each router process limits for itself"]
    assert one.rates is rates
