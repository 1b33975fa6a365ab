"""An event loop in virtual time: when nothing is ready to run, time jumps to the next timer.

An hour of timers takes as long as the work in it. Real sockets and threads do not belong here:
nothing would wait for them.
"""

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, TypeVar, TypeVarTuple

from aether_forge.sim.handles import Call, Timer

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

_RESOLUTION_S = 1e-9
"""What is due within that time happens together, as on a loop in real time."""

_FEW_TIMERS = 256
"""So many timers are not worth looking for those that were cancelled."""


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


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; its time starts at 0 and moves only when all tasks wait.

    It turns as its base class does, without what nobody needs in virtual time: a run is some hundred
    thousand callbacks, so what the loop takes for each of them is a good part of what a run takes.
    """

    _ready: deque[Any]
    _stopping: bool
    _closed: bool

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        """A heap, which keeps no order among equals: the numbers say what was asked for first."""
        self._numbers = count(1)
        self._clear_at = _FEW_TIMERS
        super().__init__(self._jumping)

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Arrange for a callback at this very moment of virtual time."""
        if self._closed:
            raise _closed()
        handle = Call(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Arrange for a callback in `delay` virtual seconds."""
        return self.call_at(self._jumping.now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Arrange for a callback at a moment of virtual time."""
        if self._closed:
            raise _closed()
        timer = Timer(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def close(self) -> None:
        """Close the loop; what was to happen later never does."""
        super().close()
        self._timers.clear()

    def is_held(self, handle: asyncio.Handle) -> bool:
        """Whether what is due does not happen now; who says so keeps it."""
        del handle
        return False

    def _run_once(self) -> None:
        """Jump to the next timer if nothing is ready; let happen what is due, but nothing that comes of it."""
        files = self._jumping.select(self._pause_s())
        if files:
            self._process_events(files)  # type: ignore[attr-defined] # as the base class does
        ready, timers = self._ready, self._timers
        due = self._jumping.now + _RESOLUTION_S
        while timers and timers[0][0] < due:
            ready.append(heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled or self.is_held(handle):  # noqa: SLF001 - a loop looks into its handles
                continue
            try:
                handle._context.run(handle._callback, *handle._args)  # noqa: SLF001 - as above
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as problem:  # noqa: BLE001 - the handler of the loop is told, as everywhere
                self.call_exception_handler({"message": f"in {handle!r}", "exception": problem})

    def _pause_s(self) -> float | None:
        """Return for how long nothing is due, in seconds; None when nothing ever will be."""
        timers = self._timers
        if len(timers) > self._clear_at:
            timers[:] = [timer for timer in timers if not timer[2].cancelled()]
            heapify(timers)
            self._clear_at = max(_FEW_TIMERS, 2 * len(timers))
        while timers and timers[0][2].cancelled():
            heappop(timers)
        if self._ready or self._stopping:
            return 0.0
        return max(0.0, timers[0][0] - self._jumping.now) if timers else None

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def run_in_executor(self, *_: object) -> Any:  # noqa: ANN401 - the base class returns a future
        """Refuse: a thread runs in real time."""
        raise RuntimeError("threads do not run in virtual time; put the work behind a port")


def _closed() -> RuntimeError:
    return RuntimeError("the loop is closed: nothing can happen on it any more")


class VirtualClock:
    """`ports.Clock` on a virtual loop."""

    def now(self) -> float:
        """Virtual seconds."""
        return asyncio.get_running_loop().time()

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Wait in virtual time."""
        return asyncio.sleep(seconds)


def let_pass(seconds: float) -> Coroutine[Any, Any, None]:
    """Let virtual time pass: everything due within it happens, and it costs only that work."""
    return asyncio.sleep(seconds)


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
