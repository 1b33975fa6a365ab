"""Tasks with an owner."""

import asyncio

import pytest

from aether.core.metrics.work import Work
from aether.tasks import TURN_S, Tasks, by_turns


async def test_stop_ends_what_runs_and_waits_for_it() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("yes")

    tasks = Tasks()
    tasks.start("work", work())
    await asyncio.sleep(0)
    await tasks.stop()
    assert ended == ["yes"]


async def test_a_failure_is_handed_over_by_name_or_raised_at_the_end() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    seen: list[str] = []
    watched = Tasks(lambda name, failure: seen.append(f"{name}: {failure}"))
    await asyncio.wait([watched.start("work", fail())])
    await watched.stop()
    assert seen == ["work: broken"]
    unwatched = Tasks()
    await asyncio.wait([unwatched.start("work", fail())])
    with pytest.raises(ValueError, match="broken"):
        await unwatched.stop()


class _Seconds:
    """A clock that goes on by itself, so much each time it is looked at."""

    def __init__(self, step_s: float) -> None:
        self.at = 0.0
        self.step_s = step_s

    def __call__(self) -> float:
        self.at += self.step_s
        return self.at


def _long_work(reached: list[int]) -> Work[str]:
    for number in range(6):
        reached.append(number)
        yield
    return "done"


async def test_work_is_done_in_turns_and_others_have_theirs() -> None:
    reached: list[int] = []
    seen: list[int] = []

    async def look() -> None:
        while True:
            seen.append(len(reached))
            await asyncio.sleep(0)

    tasks = Tasks()
    tasks.start("look", look())
    assert await by_turns(_long_work(reached), _Seconds(TURN_S / 2)) == "done"
    await tasks.stop()
    assert seen == [2, 4, 6], "two pieces a turn"


async def test_short_work_is_done_in_one_turn_and_given_up_work_is_over() -> None:
    assert await by_turns(_long_work([]), _Seconds(0.0)) == "done"
    reached: list[int] = []
    task = asyncio.get_running_loop().create_task(by_turns(_long_work(reached), _Seconds(TURN_S)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reached == [0]
