"""Callbacks of a loop in virtual time are asyncio's own in all that can be seen of them."""

import asyncio
from contextvars import ContextVar, copy_context

import pytest

from aether_forge.sim.handles import Call, Timer
from aether_forge.sim.loop import VirtualLoop, let_pass, run_virtual

NAME: ContextVar[str] = ContextVar("name", default="nobody")


def test_they_happen_in_the_context_they_were_asked_for_in_or_are_given() -> None:
    async def story() -> list[str]:
        loop, told = asyncio.get_running_loop(), list[str]()
        given = copy_context()
        given.run(NAME.set, "given")
        NAME.set("present")
        loop.call_soon(lambda: told.append(NAME.get()))
        loop.call_soon(lambda: told.append(NAME.get()), context=given)
        loop.call_later(1.0, lambda: told.append(NAME.get()))
        loop.call_later(2.0, lambda: told.append(NAME.get()), context=given)
        NAME.set("later")
        await let_pass(3.0)
        return told

    assert run_virtual(story()) == ["present", "given", "present", "given"]


def test_what_is_cancelled_does_not_happen_and_lets_go_of_what_it_held() -> None:
    loop, told = VirtualLoop(), list[str]()
    try:
        call, timer = (
            loop.call_soon(told.append, "call"),
            loop.call_later(1.0, told.append, "timer"),
        )
        assert isinstance(call, Call)
        assert isinstance(timer, Timer)
        assert timer.when() == 1.0
        for handle in (call, timer):
            assert not handle.cancelled()
            handle.cancel()
            handle.cancel()
            assert handle.cancelled()
            assert (handle._callback, handle._args) == (None, ())
            assert "cancelled" in repr(handle)
        loop.run_until_complete(let_pass(2.0))
        assert told == []
    finally:
        loop.close()


def test_what_a_callback_raises_is_told_and_the_others_happen() -> None:
    async def story() -> None:
        loop, told = asyncio.get_running_loop(), list[str]()
        loop.call_soon(lambda: 1 / 0)
        loop.call_soon(told.append, "next")
        loop.call_later(1.0, told.append, "later")
        await let_pass(2.0)
        assert told == ["next", "later"]

    with pytest.raises(ZeroDivisionError):
        run_virtual(story())
