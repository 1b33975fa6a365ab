"""A thread for calls that may hang."""

import asyncio
import threading

import pytest

from aether.telemetry.otlp.worker import Worker


async def test_work_is_done_elsewhere_one_after_the_other() -> None:
    worker = Worker("test-worker")
    names = await asyncio.gather(*(worker.do(threading.current_thread) for _ in range(3)))
    assert {thread.name for thread in names} == {"test-worker"}
    assert names[0].daemon
    worker.close()


async def test_what_it_raises_is_raised() -> None:
    worker = Worker("test-worker")

    def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await worker.do(work)
    assert await worker.do(lambda: 7) == 7
    worker.close()


async def test_who_gives_up_waiting_is_not_held() -> None:
    worker, release = Worker("test-worker"), threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await worker.do(lambda: release.wait(30))
    release.set()
    assert await worker.do(lambda: "next") == "next"
    worker.close()


async def test_it_ends_when_it_is_closed() -> None:
    worker = Worker("test-worker")
    worker.close()
    await asyncio.to_thread(worker._thread.join, 5)
    assert not worker._thread.is_alive()
