import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from aether.host.wsgi import threads as module
from aether.host.wsgi.threads import LINE_PER_THREAD, Threads
from aether.sdk import HttpError
from tests.integration.host_rig import eventually

WITHIN_S = 10.0


async def never() -> None:
    await asyncio.Event().wait()


class Busy:
    """Requests that hold their threads until they are let go."""

    def __init__(self, threads: Threads) -> None:
        self.threads = threads
        self.go_on = threading.Event()
        self.names: list[str] = []

    async def begin(self) -> None:
        assert await self.threads.place(never)
        loop = asyncio.get_running_loop()

        def work() -> None:
            self.names.append(threading.current_thread().name)
            assert self.go_on.wait(WITHIN_S)
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self.threads.release)

        self.threads.run(work)


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    made = Threads(2)
    yield made
    await made.stop()


async def settled(threads: Threads, busy: int) -> None:
    await eventually(lambda: threads.busy == busy, f"{busy} are busy")


def waiting(
    threads: Threads, gone: Coroutine[Any, Any, None] | None = None
) -> "asyncio.Task[bool]":
    return asyncio.get_running_loop().create_task(threads.place(lambda: gone or never()))


async def test_threads_begin_when_they_are_needed_and_are_used_again(threads: Threads) -> None:
    busy = Busy(threads)
    busy.go_on.set()
    for _ in range(5):
        await busy.begin()
        await settled(threads, 0)
    assert busy.names == ["wsgi-1"] * 5


async def test_the_line_is_served_in_its_order(threads: Threads) -> None:
    busy = Busy(threads)
    await busy.begin()
    await busy.begin()
    order: list[int] = []

    async def stand(number: int) -> None:
        assert await threads.place(never)
        order.append(number)
        threads.release()

    async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(stand(number))
        await eventually(lambda: threads.waiting == 5, "all stand in the line")
        assert (threads.busy, order) == (2, [])
        busy.go_on.set()
    assert order == [0, 1, 2, 3, 4]
    await settled(threads, 0)
    assert sorted(set(busy.names)) == ["wsgi-1", "wsgi-2"]


async def test_a_full_line_refuses_at_once(threads: Threads) -> None:
    busy = Busy(threads)
    await busy.begin()
    await busy.begin()
    line = [waiting(threads) for _ in range(2 * LINE_PER_THREAD)]
    await eventually(lambda: threads.waiting == len(line), "all stand in the line")
    with pytest.raises(HttpError, match="all 2 threads") as refused:
        await threads.place(never)
    assert (refused.value.status, refused.value.headers) == (503, {"retry-after": "1"})
    busy.go_on.set()
    async with asyncio.timeout(WITHIN_S):
        for turn in line:
            assert await turn
            threads.release()
    await settled(threads, 0)


async def test_a_line_that_does_not_move_refuses_after_a_while(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINE_S", 0.01)
    busy = Busy(threads)
    await busy.begin()
    await busy.begin()
    await eventually(lambda: len(busy.names) == 2, "both threads have begun")
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(HttpError, match="none came free within"):
                await threads.place(never)
    assert (threads.waiting, threads.busy) == (0, 2)
    (warning,) = logs  # and not one for each request
    assert warning["event"] == "no thread came free"
    assert ["go_on.wait" in stack for stack in warning["stacks"]] == [True, True]
    busy.go_on.set()
    await settled(threads, 0)


async def test_who_leaves_the_line_takes_no_thread(threads: Threads) -> None:
    busy = Busy(threads)
    await busy.begin()
    await busy.begin()
    left = asyncio.Event()

    async def gone() -> None:
        await left.wait()

    leaver, cancelled, patient = waiting(threads, gone()), waiting(threads), waiting(threads)
    await eventually(lambda: threads.waiting == 3, "all stand in the line")
    left.set()
    assert await leaver is False
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert threads.waiting == 1
    busy.go_on.set()
    assert await patient
    threads.release()
    await settled(threads, 0)


async def test_a_place_given_to_one_who_is_cancelled_goes_on_to_the_next(threads: Threads) -> None:
    assert await threads.place(never)
    assert await threads.place(never)
    first, second = waiting(threads), waiting(threads)
    await eventually(lambda: threads.waiting == 2, "all stand in the line")
    threads.release()  # gives the place to the first,
    first.cancel()  # who is cancelled before it hears of it
    with pytest.raises(asyncio.CancelledError):
        await first
    async with asyncio.timeout(WITHIN_S):
        assert await second
    threads.release()
    threads.release()
    assert threads.busy == 0


async def test_stopping_leaves_a_thread_that_hangs_behind_and_says_where_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "STOP_S", 0.01)
    threads = Threads(2)
    busy = Busy(threads)
    await busy.begin()
    await eventually(lambda: bool(busy.names), "the thread has begun")
    with capture_logs() as logs:
        await threads.stop()
    (warning,) = logs
    assert (warning["event"], warning["busy"]) == ("threads left behind", 1)
    assert "go_on.wait" in warning["stacks"][0]
    busy.go_on.set()
    await settled(threads, 0)


async def test_threads_end_when_they_are_stopped() -> None:
    threads = Threads(3)
    busy = Busy(threads)
    for _ in range(3):
        await busy.begin()
    busy.go_on.set()
    await settled(threads, 0)
    ours = list(threads._threads)
    await threads.stop()
    for thread in ours:
        await asyncio.to_thread(thread.join, WITHIN_S)
    assert len(ours) == 3
    assert not any(thread.is_alive() for thread in ours)
