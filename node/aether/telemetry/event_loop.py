"""How the node process itself does: timers that are late, and garbage collections that hold it up."""

import asyncio
import gc
import time

LOOK_S = 0.1
"""A timer is set this far ahead; how much later it comes is the lag of the loop."""


class LoopLag:
    """The worst lag of the running event loop since it was asked last."""

    def __init__(self) -> None:
        self._worst = 0.0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Measure from now on."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + LOOK_S
        self._timer = loop.call_at(self._due, self._look)

    def stop(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._worst = max(self._worst, loop.time() - self._due)
        self.start()

    def take(self) -> float:
        """Return the worst lag in seconds since this was asked last, one that goes on included."""
        going_on = 0.0
        if self._timer is not None:
            going_on = max(asyncio.get_running_loop().time() - self._due, 0.0)
        worst, self._worst = max(self._worst, going_on), 0.0
        return worst


class GcPauses:
    """Time and number of garbage collections of this process since it was asked last."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._seconds = 0.0
        self._count = 0

    def start(self) -> None:
        """Measure from now on."""
        if self._note not in gc.callbacks:
            gc.callbacks.append(self._note)

    def stop(self) -> None:
        """Measure no more."""
        if self._note in gc.callbacks:
            gc.callbacks.remove(self._note)

    def _note(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        elif self._began is not None:
            self._seconds += time.perf_counter() - self._began
            self._count += 1
            self._began = None

    def take(self) -> tuple[float, int]:
        """Return seconds and number since this was asked last."""
        found = self._seconds, self._count
        self._seconds, self._count = 0.0, 0
        return found
