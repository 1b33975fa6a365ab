"""Machines of a simulated cluster freeze one by one, and runs have one order."""

import asyncio
from contextlib import suppress

import pytest

from aether_forge.sim.loop import Livelock, let_pass
from aether_forge.sim.owners import Owner, of_nobody, run_owned


async def ticks(into: list[float], every_s: float) -> None:
    while True:
        into.append(asyncio.get_running_loop().time())
        await let_pass(every_s)


def test_a_frozen_owner_stands_still_while_others_go_on_and_then_catches_up() -> None:
    async def story() -> tuple[list[float], list[float]]:
        one, other = Owner("one"), Owner("other")
        first: list[float] = []
        second: list[float] = []
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(ticks(first, 1.0), context=one.context),
            loop.create_task(ticks(second, 1.0), context=other.context),
        ]
        await let_pass(2.5)
        one.freeze()
        await let_pass(5.0)
        assert first == [0.0, 1.0, 2.0]
        one.thaw()
        await let_pass(1.2)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return first, second

    first, second = run_owned(story())
    assert second == [float(number) for number in range(9)]
    assert first == [0.0, 1.0, 2.0, 7.5, 8.5]


def test_a_timer_cancelled_while_its_owner_was_frozen_does_not_go_off() -> None:
    async def story() -> list[str]:
        owner = Owner("one")
        rang: list[str] = []
        loop = asyncio.get_running_loop()
        timer = loop.call_later(1.0, rang.append, "timer", context=owner.context)
        owner.soon(1.0, lambda: rang.append("other"))
        owner.freeze()
        await let_pass(2.0)
        assert rang == []
        timer.cancel()
        owner.thaw()
        await let_pass(0.1)
        return rang

    assert run_owned(story()) == ["other"]


def test_tasks_stand_in_sets_in_the_order_they_were_made() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        made = [loop.create_task(let_pass(1.0)) for _ in range(50)]
        assert sorted({hash(task) for task in made}) == [hash(task) for task in made]
        await asyncio.gather(*made)

    run_owned(story())


def test_what_a_stray_task_raises_is_raised() -> None:
    async def story() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await let_pass(0.1)

    with pytest.raises(ZeroDivisionError):
        run_owned(story())


def test_what_is_left_on_a_loop_ends_before_the_loop_is_closed() -> None:
    ended: list[str] = []

    async def left(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await let_pass(1.0)
            ended.append(name)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(left(name)) for name in ("one", "two")]
        await let_pass(0.1)
        assert not any(task.done() for task in tasks)
        raise Livelock("broken off")

    with pytest.raises(Livelock, match="broken off"):
        run_owned(story())
    assert ended == ["one", "two"]


def test_what_was_held_is_held_again_in_its_order_by_an_owner_that_freezes_again() -> None:
    async def story() -> list[str]:
        owner, happened = Owner("one"), list[str]()
        owner.soon(1.0, lambda: happened.append("first"))
        owner.soon(2.0, lambda: happened.append("second"))
        owner.freeze()
        await let_pass(3.0)
        owner.thaw()
        owner.freeze()
        owner.soon(0.5, lambda: happened.append("third"))
        await let_pass(1.0)
        assert happened == []
        owner.thaw()
        await let_pass(0.0)
        return happened

    assert run_owned(story()) == ["first", "second", "third"]


def test_a_frozen_owner_keeps_what_its_tasks_asked_for_and_nobody_elses() -> None:
    async def story() -> list[str]:
        owner, happened = Owner("one"), list[str]()
        owner.freeze()
        loop = asyncio.get_running_loop()
        loop.call_soon(happened.append, "of one", context=owner.context)
        loop.call_soon(happened.append, "of nobody", context=of_nobody())
        loop.call_soon(happened.append, "of the story")
        await let_pass(1.0)
        owner.thaw()
        await let_pass(1.0)
        return happened

    assert run_owned(story()) == ["of nobody", "of the story", "of one"]
