"""Who a callback belongs to: a machine of a simulated cluster can freeze while others go on.

Everything a task of an owner starts belongs to that owner too. What falls due while the owner is
frozen is kept in order, and happens when it thaws: as in a process that was stopped and continued.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from itertools import count
from typing import Any, TypeVar

from aether_forge.sim.loop import Deadlock, Livelock, VirtualLoop

_T = TypeVar("_T")
_MOST_ROUNDS = 3
_ROUND_S = 60.0
"""Virtual seconds that tasks have to end when a loop is wound up."""


class Owner:
    """One machine; frozen, nothing of it happens."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.frozen = False
        self._held: list[asyncio.Handle] = []
        self.context: Context = copy_context()
        self.context.run(_OWNER.set, self)

    def freeze(self) -> None:
        """Let nothing of this owner happen until it thaws."""
        self.frozen = True

    def thaw(self) -> None:
        """Let what was held back happen, in its order."""
        self.frozen = False
        held, self._held = self._held, []
        if held:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, OwnedLoop)  # noqa: S101 - no other loop holds anything
            loop.take_up(held)

    def hold(self, handle: asyncio.Handle) -> None:
        """Keep a callback for later."""
        self._held.append(handle)

    def soon(self, delay_s: float, call: Callable[[], object]) -> None:
        """Have `call` happen as part of this owner: not while it is frozen."""
        asyncio.get_running_loop().call_later(delay_s, call, context=self.context)


_OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)


def of_nobody() -> Context:
    """Return a context without an owner: what is called in it happens whoever is frozen."""
    return Context()


class _NumberedTask(asyncio.Task[Any]):
    """A task that hashes by its number: sets of tasks have the same order in every run."""

    def __init__(self, number: int, coro: Any, **options: Any) -> None:  # noqa: ANN401 - as the base class takes them
        self._number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


def _numbering() -> Callable[..., asyncio.Future[Any]]:
    """Return a task factory that numbers from 1: where a set begins depends on the numbers themselves."""
    serial = count(1)

    def numbered(
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[Any, Any, _T] | Generator[Any, None, _T],
        **options: Any,  # noqa: ANN401 - what the loop gives to every task factory
    ) -> asyncio.Future[_T]:
        return _NumberedTask(next(serial), coro, loop=loop, **options)

    return numbered


class OwnedLoop(VirtualLoop):
    """Virtual time in which owners can freeze, and in which tasks have an order."""

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(_numbering())

    def is_held(self, handle: asyncio.Handle) -> bool:
        """Whether the owner of a callback is frozen; it then keeps it."""
        # It belongs to the owner in whose context it was asked for.
        owner = handle._context.get(_OWNER)  # type: ignore[attr-defined]  # noqa: SLF001 - public from Python 3.12 on
        if owner is None or not owner.frozen:
            return False
        owner.hold(handle)
        return True

    def take_up(self, held: Iterable[asyncio.Handle]) -> None:
        """Have what was held happen in its order, but for what was cancelled meanwhile."""
        self._ready.extend(held)


def run_owned(main: Coroutine[Any, Any, _T]) -> _T:
    """Run `main` on a loop of its own; raise what it or a stray task raised."""
    loop = OwnedLoop()
    stray: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: stray.append(context))
    try:
        result = loop.run_until_complete(main)
    finally:
        strayed = list(stray)
        _wind_up(loop)
        loop.close()
    if strayed:
        problem = strayed[0].get("exception")
        raise problem if problem else RuntimeError(strayed[0]["message"])
    return result


def _wind_up(loop: OwnedLoop) -> None:
    """End what is left on a loop, so that nothing of it is collected once the loop is closed."""
    with suppress(Deadlock, Livelock):
        for _ in range(_MOST_ROUNDS):
            left = [task for task in asyncio.all_tasks(loop) if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=_ROUND_S))
        loop.run_until_complete(loop.shutdown_asyncgens())
