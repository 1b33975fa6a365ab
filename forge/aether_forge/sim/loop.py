"""An event loop in virtual time: when nothing is ready to run, time jumps to the next timer.

An hour of timers takes as long as the work in it. Real sockets and threads do not belong here:
nothing would wait for them.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from itertools import count
from typing import Any, TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class Deadlock(RuntimeError):
    """Every task waits and no timer is set: nothing can ever happen again."""


class Livelock(RuntimeError):
    """Work is always ready, so time never moves: something looks again and again without a pause."""


MOST_TURNS = 1_000_000
"""Turns of the loop within one instant of virtual time; a storm of a large cluster takes thousands."""


_LOOKS_AT_FILES = 64
"""How seldom files are looked at: in virtual time there are none but the loop's own."""


class _JumpingSelector(selectors.SelectSelector):
    """Waiting for a time-out moves the clock instead of the world."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._turns = 0
        self._looks = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._looks += 1
        if self._looks % _LOOKS_AT_FILES == 0:
            ready = super().select(0)
            if ready:
                return ready
        if timeout is None:
            raise Deadlock("every task waits and no timer is set")
        if timeout > 0:
            self.now += timeout
            self._turns = 0
        else:
            self._turns += 1
            if self._turns > MOST_TURNS:
                self._turns = 0  # what is cancelled now has time to end
                raise Livelock(f"time stands still at {self.now:.3f} s: work is always ready")
        return []


class _Moment(float):
    """When a timer is due; of two due at once, the one set first comes first.

    A heap keeps no order among equals: which of them comes first would depend on all other timers.
    """

    number = 0

    def __lt__(self, other: float) -> bool:
        if isinstance(other, _Moment) and float(self) == float(other):
            return self.number < other.number
        return float(self) < float(other)


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; its time starts at 0 and moves only when all tasks wait."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._timers = count(1)
        super().__init__(self._jumping)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Arrange for a callback at a moment of virtual time."""
        moment = _Moment(when)
        moment.number = next(self._timers)
        return super().call_at(moment, callback, *args, context=context)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def run_in_executor(self, *_: object) -> Any:  # noqa: ANN401 - the base class returns a future
        """Refuse: a thread runs in real time."""
        raise RuntimeError("threads do not run in virtual time; put the work behind a port")


class VirtualClock:
    """`ports.Clock` on a virtual loop."""

    def now(self) -> float:
        """Virtual seconds."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        await asyncio.sleep(seconds)


async def let_pass(seconds: float) -> None:
    """Let virtual time pass: everything due within it happens, and it costs only that work."""
    await asyncio.sleep(seconds)


def run_virtual(main: Coroutine[Any, Any, _T]) -> _T:
    """Run `main` on a loop of its own in virtual time; raise what it or a stray task raised."""
    loop = VirtualLoop()
    stray: list[Mapping[str, Any]] = []
    loop.set_exception_handler(lambda _, context: stray.append(context))
    try:
        result = loop.run_until_complete(main)
    finally:
        loop.close()
    if stray:
        problem = stray[0].get("exception")
        raise problem if problem else RuntimeError(stray[0]["message"])
    return result
