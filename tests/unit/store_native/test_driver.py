"""When a replica gets its turns; the replica here only writes down what happens to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.messages import TimeoutNow
from aether.ports import Disk
from aether.store.disk.sync_job import SyncJob
from aether.store.native.driver import Driver
from aether.store.native.jobs import BackgroundJob, Job, LogSync
from aether.store.native.links import Links
from aether.store.native.replica import Replica

PEER = NodeId("node-2")
TURN = ["decide", "flush", "apply", "flush"]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0)


class Work(LogSync):
    def __init__(self, failure: OSError | None = None) -> None:
        super().__init__(SyncJob(cast("Disk", None), (), (1, 1, 1), None, names=False))
        self.failure = failure

    def run(self) -> None:
        if self.failure is not None:
            raise self.failure


class Scripted:
    """A replica and its links: what is called is written down, what they answer is set."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.jobs: list[Job] = []
        self.sends = False
        self.more = False
        self.wakes = float("inf")
        self.fault: Exception | None = None
        self.takes_part = True

    def fall_silent(self) -> None:
        self.calls.append("silent")

    def decide(self, now: float) -> None:
        self.calls.append("decide")
        if self.fault is not None:
            raise self.fault

    def apply(self, now: float) -> None:
        self.calls.append("apply")

    def flush(self) -> bool:
        self.calls.append("flush")
        sends, self.sends = self.sends, False
        return sends

    def sync_job(self) -> Job | None:
        return self.jobs.pop(0) if self.jobs else None

    def synced(self, job: Job, now: float) -> None:
        self.calls.append("synced")

    def sync_failed(self, job: Job, error: OSError, now: float) -> None:
        self.calls.append(error)

    def wake_at(self) -> float:
        return self.wakes

    def tick(self, now: float) -> None:
        self.calls.append("tick")
        self.wakes = float("inf")

    def receive(self, sender: NodeId, packet: object, now: float) -> None:
        self.calls.append((sender, packet))

    def link_lost(self, node: NodeId, now: float) -> None:
        self.calls.append(("lost", node))


@pytest.fixture
async def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def driver(scripted: Scripted) -> AsyncIterator[Driver]:
    driver = Driver(cast("Replica", scripted), cast("Links", scripted))
    yield driver
    await driver.stop()


async def test_all_that_arrives_in_one_iteration_shares_a_turn(
    scripted: Scripted, driver: Driver
) -> None:
    driver.start()
    driver.received(PEER, TimeoutNow(1))
    driver.received(PEER, TimeoutNow(2))
    driver.lost(PEER)
    driver.wake()
    await until(lambda: scripted.calls[-2:] == ["apply", "flush"])
    said = [(PEER, TimeoutNow(1)), (PEER, TimeoutNow(2)), ("lost", PEER)]
    assert scripted.calls == [*said, *TURN]


async def test_a_member_that_takes_no_part_hangs_up(scripted: Scripted, driver: Driver) -> None:
    driver.start()
    await until(lambda: "flush" in scripted.calls)
    assert "silent" not in scripted.calls
    scripted.takes_part = False
    driver.wake()
    await until(lambda: "silent" in scripted.calls)


async def test_a_sync_waits_until_what_was_sent_before_has_left(
    scripted: Scripted, driver: Driver
) -> None:
    scripted.jobs, scripted.sends = [Work()], True
    driver.start()
    await asyncio.sleep(0)
    assert scripted.calls == TURN
    await until(lambda: scripted.calls.count("apply") == 2)
    assert scripted.calls == [*TURN, "synced", *TURN]


async def test_a_sync_with_nothing_to_send_is_done_in_the_same_turn(
    scripted: Scripted, driver: Driver
) -> None:
    scripted.jobs = [Work()]
    driver.start()
    await asyncio.sleep(0)
    assert scripted.calls == ["decide", "flush", "synced", *TURN]


async def test_what_others_wait_for_does_not_wait_for_what_is_applied(
    scripted: Scripted, driver: Driver
) -> None:
    scripted.jobs = [Work()]
    driver.start()
    await until(lambda: "apply" in scripted.calls)
    assert scripted.calls.index("synced") < scripted.calls.index("apply")
    before = scripted.calls[: scripted.calls.index("apply")]
    assert before[-2:] == ["decide", "flush"], "the acknowledgement had not left"


async def test_background_work_does_not_hold_up_the_log(scripted: Scripted, driver: Driver) -> None:
    scripted.jobs = [BackgroundJob(lambda: None, lambda _: None), Work()]
    driver.start()
    await until(lambda: scripted.calls.count("synced") == 2)


async def test_a_failed_sync_is_told(scripted: Scripted, driver: Driver) -> None:
    failure = OSError(5, "EIO")
    scripted.jobs = [Work(failure)]
    driver.start()
    await until(lambda: failure in scripted.calls)
    assert driver.running


async def test_the_timer_ticks_when_it_is_due_and_only_then(
    scripted: Scripted, driver: Driver
) -> None:
    scripted.wakes = driver.now() + 0.02
    driver.start()
    await until(lambda: "tick" in scripted.calls)
    assert scripted.calls.count("tick") == 1


async def test_an_earlier_time_replaces_a_later_one(scripted: Scripted, driver: Driver) -> None:
    scripted.wakes = driver.now() + 100
    driver.start()
    await until(lambda: "decide" in scripted.calls)
    scripted.wakes = driver.now() + 0.01
    driver.wake()
    await until(lambda: "tick" in scripted.calls)


async def test_after_a_pause_peers_are_heard_before_they_are_judged(
    scripted: Scripted, driver: Driver
) -> None:
    scripted.wakes = driver.now() - 5.0
    driver.start()
    loop = asyncio.get_running_loop()
    # As if it had lain in the socket during the pause.
    loop.call_later(0.002, driver.received, PEER, TimeoutNow(1))
    await until(lambda: "tick" in scripted.calls)
    assert scripted.calls.index((PEER, TimeoutNow(1))) < scripted.calls.index("tick")


async def test_work_that_is_left_goes_on_in_the_next_iteration(
    scripted: Scripted, driver: Driver
) -> None:
    scripted.more = True
    driver.start()
    await until(lambda: scripted.calls.count("decide") >= 3)
    scripted.more = False


async def test_a_fault_ends_the_member_and_is_kept(scripted: Scripted, driver: Driver) -> None:
    scripted.fault = RuntimeError("impossible")
    driver.start()
    await asyncio.wait_for(driver.failed.wait(), 5)
    assert driver.failure is scripted.fault
    before = list(scripted.calls)
    driver.received(PEER, TimeoutNow(1))
    driver.wake()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert scripted.calls == before


async def test_a_fault_in_a_thread_ends_the_member_too(scripted: Scripted, driver: Driver) -> None:
    def impossible() -> None:
        raise RuntimeError("impossible")

    scripted.jobs = [BackgroundJob(impossible, lambda _: None)]
    driver.start()
    await asyncio.wait_for(driver.failed.wait(), 5)
    assert isinstance(driver.failure, RuntimeError)
