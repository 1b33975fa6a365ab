import asyncio
import gc
import time

import pytest

from aether.telemetry.event_loop import LOOK_S, GcPauses, LoopLag


async def test_a_loop_that_is_held_up_is_late() -> None:
    lag = LoopLag()
    lag.start()
    try:
        time.sleep(LOOK_S + 0.15)  # noqa: ASYNC251 - what is to be measured
        assert 0.1 < lag.take() < 1.0
        await asyncio.sleep(3 * LOOK_S)
        lag.take()
        await asyncio.sleep(3 * LOOK_S)
        assert lag.take() < 0.1
    finally:
        lag.stop()


async def test_one_that_was_stopped_measures_no_more() -> None:
    lag = LoopLag()
    lag.start()
    lag.stop()
    await asyncio.sleep(2 * LOOK_S)
    assert lag.take() == 0.0


def test_collections_are_counted_and_timed() -> None:
    pauses = GcPauses()
    pauses.start()
    try:
        pauses.take()
        gc.collect()
        seconds, count = pauses.take()
        assert count >= 1
        assert 0.0 < seconds < 5.0
    finally:
        pauses.stop()
    gc.collect()
    assert pauses.take() == (0.0, 0)


@pytest.fixture(autouse=True)
def _no_callback_stays() -> object:
    before = list(gc.callbacks)
    yield
    assert gc.callbacks == before
