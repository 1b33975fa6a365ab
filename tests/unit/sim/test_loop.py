"""Time that jumps."""

import asyncio
import time

import pytest

from aether_forge.sim import loop
from aether_forge.sim.loop import (
    Deadlock,
    Livelock,
    VirtualClock,
    VirtualLoop,
    let_pass,
    run_virtual,
)


def test_an_hour_passes_at_once_and_in_order() -> None:
    async def main() -> list[float]:
        clock, woken = VirtualClock(), []

        async def nap(seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append(clock.now())

        await asyncio.gather(nap(3600), nap(60), nap(0.5))
        return woken

    began = time.monotonic()
    assert run_virtual(main()) == [0.5, 60, 3600]
    assert time.monotonic() - began < 5


def test_waiting_for_what_cannot_come_is_said() -> None:
    with pytest.raises(Deadlock):
        run_virtual(asyncio.Event().wait())


def test_time_that_stands_still_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(again)
        await asyncio.Event().wait()

    def again() -> None:
        asyncio.get_running_loop().call_soon(again)

    monkeypatch.setattr(loop, "MOST_TURNS", 1_000)
    with pytest.raises(Livelock, match="time stands still at 0"):
        run_virtual(main())


def test_threads_are_refused() -> None:
    async def main() -> None:
        await asyncio.to_thread(print)

    with pytest.raises(RuntimeError, match="virtual time"):
        run_virtual(main())


async def _told_in_order(others: int) -> list[int]:
    loop, told = asyncio.get_running_loop(), list[int]()
    for number in range(others):
        loop.call_at(1.0 - number / 100, lambda: None)
    for number in range(20):
        loop.call_at(2.0, told.append, number)
    await let_pass(3.0)
    return told


@pytest.mark.parametrize("others", [0, 1, 2, 3, 7])
def test_what_is_due_at_one_moment_happens_in_the_order_it_was_asked_for(others: int) -> None:
    """Whatever else there is to wait for: a heap alone would let that decide."""
    assert run_virtual(_told_in_order(others)) == list(range(20))


def test_timers_that_were_cancelled_are_forgotten_long_before_they_are_due() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        kept = loop.call_later(500.0, lambda: None)
        for _ in range(2_000):
            loop.call_later(1_000.0, lambda: None).cancel()
            await let_pass(0.01)
        assert loop.time() == pytest.approx(20.0)
        kept.cancel()
        return len(loop._timers)

    assert run_virtual(main()) < 600


def test_a_timer_cancelled_at_the_moment_it_is_due_does_not_go_off() -> None:
    async def main() -> list[str]:
        loop, rang, timers = asyncio.get_running_loop(), list[str](), list[asyncio.TimerHandle]()

        def cancel() -> None:
            timers.pop().cancel()

        loop.call_at(1.0, cancel)
        timers.append(loop.call_at(1.0, rang.append, "cancelled"))
        loop.call_at(1.0, rang.append, "not cancelled")
        await let_pass(2.0)
        return rang

    assert run_virtual(main()) == ["not cancelled"]


def test_nothing_can_be_asked_of_a_closed_loop() -> None:
    closed = VirtualLoop()
    closed.close()
    with pytest.raises(RuntimeError, match="closed"):
        closed.call_soon(print)
    with pytest.raises(RuntimeError, match="closed"):
        closed.call_later(1.0, print)
    assert closed.is_closed()
