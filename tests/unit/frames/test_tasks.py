"""Tasks with an owner."""

import asyncio

import pytest

from aether.tasks import Tasks


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
