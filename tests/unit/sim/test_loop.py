"""Time that jumps."""

import asyncio
import time

import pytest

from aether_forge.sim import loop
from aether_forge.sim.loop import Deadlock, Livelock, VirtualClock, run_virtual


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
