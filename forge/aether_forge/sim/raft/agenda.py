"""What will happen, in the order of virtual time; nothing else moves that time."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass


def dice(seed: int, concern: str) -> random.Random:
    """Return the dice of one concern, so that throwing more of one leaves the others as they were."""
    return random.Random(f"{seed}/{concern}")  # noqa: S311 - equal seeds must make equal stories


@dataclass(slots=True, eq=False)
class Appointment:
    """Something that will happen, unless it is cancelled."""

    when: float
    call: Callable[[], None] | None

    def cancel(self) -> None:
        """Let it not happen."""
        self.call = None


class Agenda:
    """Appointments by time; those of one instant happen in the order they were made."""

    def __init__(self) -> None:
        self.now = 0.0
        """Virtual seconds since the beginning."""
        self.happened = 0
        """Appointments kept so far."""
        self._heap: list[tuple[float, int, Appointment]] = []
        self._made = 0

    def at(self, when: float, call: Callable[[], None]) -> Appointment:
        """Have `call` happen at `when`, or now when that has passed."""
        appointment = Appointment(max(when, self.now), call)
        self._made += 1
        heapq.heappush(self._heap, (appointment.when, self._made, appointment))
        return appointment

    def after(self, delay: float, call: Callable[[], None]) -> Appointment:
        """Have `call` happen in `delay` seconds."""
        return self.at(self.now + delay, call)

    def run_until(self, end: float, stop: Callable[[], bool] | None = None) -> None:
        """Keep every appointment up to `end`, or until `stop` says so after one of them."""
        while self._heap and self._heap[0][0] <= end:
            when, _, appointment = heapq.heappop(self._heap)
            if appointment.call is None:
                continue
            self.now = when
            self.happened += 1
            appointment.call()
            if stop is not None and stop():
                return
        self.now = max(self.now, end)
