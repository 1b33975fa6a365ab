"""How long a turn of the real manager keeps its event loop from anything else."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator

import structlog

from aether.control.manager import ClusterDeploymentManager
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.node.clock import MonotonicClock
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.oracle import Oracle
from tests.bench.control.growth import settled
from tests.bench.control.turns import STIRRED, Leader
from tests.bench.control.worlds import LEADER, Cluster, Size

Number = tuple[str, str, float, str]
TURNS = 20
_TICK_S = 0.001
_IDLE_S = 1.0
_TURN_S = 60.0
"""Longest wait for one turn; one that places thousands commits each of them."""
_KEYS_A_TXN = 500
"""Keys written at once when the cluster is set up."""
REASON = Reason("bench", "bench", "set up")


class Ticker:
    """Wakes every millisecond and notes how late it was."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            due = time.perf_counter() + _TICK_S
            await asyncio.sleep(_TICK_S)
            self.late.append(time.perf_counter() - due)

    def worst_ms(self) -> float:
        """Return the longest delay so far and forget all of them."""
        worst, self.late = max(self.late, default=0.0), []
        return 1000 * worst


def stall_numbers(size: Size) -> Iterator[Number]:
    """Yield the longest stall of steady turns, and of the turns of a whole placement."""
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)  # standard output is for results
    yield f"stall/nothing/{size.name}", "max", asyncio.run(_nothing()), "ms"
    steady = asyncio.run(_steady(settled(size)))
    yield f"stall/steady/{size.name}", "max", steady, "ms"
    fresh = Cluster(size)
    fresh.deploy("1.0.0", 1)
    placing = asyncio.run(_placing(fresh))
    yield f"stall/placing/{size.name}", "max", placing, "ms"


async def _nothing() -> float:
    """Return how late a loop is with nothing to do: what the machine itself adds."""
    tasks, ticker = Tasks(), Ticker()
    tasks.start("ticker", ticker.run())
    await asyncio.sleep(_IDLE_S)
    await tasks.stop()
    return ticker.worst_ms()


async def _steady(leader: Leader) -> float:
    async with _running(leader.cluster) as (store, manager, ticker):
        ticker.worst_ms()
        for _ in range(TURNS):
            before = store.revision
            leader.cluster.stir(leader.view, STIRRED)
            changed = [one for one in leader.cluster.entries() if one[2] > before]
            await _write(store, changed[:STIRRED])
            _hear_all(manager, leader.cluster)
            await _next_turn(manager)
        return ticker.worst_ms()


async def _placing(cluster: Cluster) -> float:
    async with _running(cluster) as (_, manager, ticker):
        deadline = time.monotonic() + 60
        while len(manager.view().wanted) < cluster.size.instances:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{cluster.size.name} is not placed within 60 s")
            _hear_all(manager, cluster)
            await _next_turn(manager)
        return ticker.worst_ms()


@contextlib.asynccontextmanager
async def _running(
    cluster: Cluster,
) -> AsyncIterator[tuple[KvStore, ClusterDeploymentManager, Ticker]]:
    """Run the manager on a store that holds the cluster, with a ticker on the same loop."""
    machine = KvMachine()
    consensus = Oracle().member(Member(LEADER, "127.0.0.1:1"), machine)
    await consensus.start()
    store = KvStore(consensus, machine)
    await _write(store, cluster.entries())
    manager = ClusterDeploymentManager(
        LEADER, store, MonotonicClock(), ControlSettings(), period_s=1.0
    )
    _hear_all(manager, cluster)
    tasks, ticker = Tasks(), Ticker()
    tasks.start("ticker", ticker.run())
    tasks.start("control", manager.run())
    try:
        yield store, manager, ticker
    finally:
        await tasks.stop()


async def _next_turn(manager: ClusterDeploymentManager) -> None:
    """Have the manager look once more; raise TimeoutError when it does not."""
    before = manager.last_plan
    manager.wake()
    async with asyncio.timeout(_TURN_S):
        while manager.last_plan is before:  # noqa: ASYNC110 - a turn rings no bell when it ends
            await asyncio.sleep(_TICK_S)


async def _write(store: KvStore, entries: list[tuple[str, bytes, int]]) -> None:
    for first in range(0, len(entries), _KEYS_A_TXN):
        puts = tuple(Put(key, value) for key, value, _ in entries[first : first + _KEYS_A_TXN])
        await store.txn(Txn(puts, REASON))


def _hear_all(manager: ClusterDeploymentManager, cluster: Cluster) -> None:
    for number in range(cluster.size.nodes):
        manager.hear(NodeId(f"node-{number + 1}"), "life-1")
