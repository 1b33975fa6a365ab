import asyncio
import threading
from collections.abc import Callable
from typing import cast

from aether.ports import Disk
from aether.store.disk.sync_job import SyncJob
from aether.store.native.jobs import BackgroundJob, Job, LogSync
from aether.store.native.syncing import Syncing


class Work(LogSync):
    """A sync of nothing, up to some entry."""

    def __init__(self, *, index: int = 1, failure: Exception | None = None) -> None:
        super().__init__(SyncJob(cast("Disk", None), (), (index, 1, 1), None, names=False))
        self.failure = failure
        self.thread: int | None = None
        self.on_run: Callable[[], None] = lambda: None

    def run(self) -> None:
        self.thread = threading.get_ident()
        self.on_run()
        if self.failure is not None:
            raise self.failure


class Rig:
    def __init__(self) -> None:
        self.now = 0.0
        self.ended: list[tuple[Job, BaseException | None]] = []
        self.arrived = asyncio.Event()
        self.syncing = Syncing(self._ended, lambda: self.now)

    def _ended(self, job: Job, problem: BaseException | None) -> None:
        self.ended.append((job, problem))
        self.arrived.set()

    def sync(self, takes_s: float) -> None:
        work = Work()
        work.on_run = lambda: setattr(self, "now", self.now + takes_s)
        self.syncing.run(work)


async def test_a_quick_job_runs_at_once_and_its_end_is_told() -> None:
    rig = Rig()
    work = Work()
    assert rig.syncing.is_quick(work)
    rig.syncing.run(work)
    assert rig.ended == [(work, None)]
    assert work.thread == threading.get_ident()
    assert await rig.syncing.close()


async def test_slow_syncs_move_to_a_thread_and_quick_ones_back() -> None:
    rig = Rig()
    rig.sync(0.030)
    assert not rig.syncing.is_quick(Work())
    rig.sync(0.001)
    assert not rig.syncing.is_quick(Work()), "it takes more than one quick sync"
    for _ in range(20):
        rig.sync(0.0001)
    assert rig.syncing.is_quick(Work())
    await rig.syncing.close()


async def test_background_work_never_runs_in_the_loop() -> None:
    rig = Rig()
    threads: list[int] = []
    work = BackgroundJob(lambda: threads.append(threading.get_ident()), lambda _: None)
    assert not rig.syncing.is_quick(work)
    rig.syncing.start(work)
    await asyncio.wait_for(rig.arrived.wait(), 5)
    assert rig.ended == [(work, None)]
    assert threads != [threading.get_ident()]
    await rig.syncing.close()


async def test_failures_are_told_from_the_loop_and_from_a_thread() -> None:
    rig = Rig()
    broken, fault = OSError(5, "EIO"), ValueError("ours")
    rig.syncing.run(Work(failure=broken))
    assert rig.ended[-1][1] is broken
    for failure in (broken, fault):
        rig.arrived.clear()
        rig.syncing.start(Work(failure=failure))
        await asyncio.wait_for(rig.arrived.wait(), 5)
        assert rig.ended[-1][1] is failure
    await rig.syncing.close()


async def test_closing_waits_for_what_runs() -> None:
    rig = Rig()
    going = threading.Event()
    work = Work()
    work.on_run = lambda: (going.wait(5), None)[1]
    rig.syncing.start(work)
    asyncio.get_running_loop().call_later(0.02, going.set)
    assert await rig.syncing.close()
    await asyncio.sleep(0)
    assert rig.ended == [(work, None)]


async def test_with_many_callers_waiting_a_thread_pays_sooner() -> None:
    rig = Rig()
    for _ in range(20):
        rig.sync(0.0015)
    assert rig.syncing.is_quick(Work(index=5))
    assert not rig.syncing.is_quick(Work(index=50))
    rig.syncing.run(Work(index=50))
    assert rig.syncing.is_quick(Work(index=51))
    await rig.syncing.close()
