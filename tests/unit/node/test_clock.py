"""Real time, forward only."""

from aether.node.clock import MonotonicClock

SHORT_S = 0.01


async def test_time_moves_forward_by_what_is_slept() -> None:
    clock = MonotonicClock()
    began = clock.now()
    await clock.sleep(SHORT_S)
    assert clock.now() - began >= SHORT_S
