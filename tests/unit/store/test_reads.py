import asyncio

import pytest

from aether.core.model.ids import NodeId
from aether.core.store.machine import KvMachine
from aether.errors import NoQuorum, OutcomeUnknown
from aether.ports import Member
from aether.store.reads import ReadBarrier
from aether.tasks import Tasks
from aether_forge.sim.oracle import Oracle, OracleConsensus


class Slow(OracleConsensus):
    """A member whose barriers wait for the test."""

    def __init__(self) -> None:
        oracle = Oracle()
        super().__init__(oracle, NodeId("node-1"))
        oracle.member(Member(NodeId("node-1"), "127.0.0.1:6101"), KvMachine())
        self.begun = 0
        self.fail = 0
        self.gate = asyncio.Event()

    async def barrier(self, timeout_s: float) -> None:
        self.begun += 1
        await self.gate.wait()
        if self.begun <= self.fail:
            raise OutcomeUnknown("lost")


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_readers_share_the_barrier_that_begins_after_them() -> None:
    consensus, tasks = Slow(), Tasks()
    barrier = ReadBarrier(consensus, tasks)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(barrier.wait(5))
        await settle()
        late = [group.create_task(barrier.wait(5)) for _ in range(10)]
        await settle()
        assert consensus.begun == 1
        consensus.gate.set()
    assert all(task.done() for task in late)
    assert consensus.begun == 2
    await tasks.stop()


async def test_a_lost_barrier_is_tried_again() -> None:
    consensus, tasks = Slow(), Tasks()
    consensus.fail = 2
    consensus.gate.set()
    await ReadBarrier(consensus, tasks).wait(5)
    assert consensus.begun == 3
    await tasks.stop()


async def test_a_reader_gives_up_in_time() -> None:
    consensus, tasks = Slow(), Tasks()
    barrier = ReadBarrier(consensus, tasks)
    with pytest.raises(NoQuorum, match="stale"):
        await barrier.wait(0.05)
    consensus.gate.set()
    await barrier.wait(5)
    await tasks.stop()
