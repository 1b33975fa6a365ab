"""The time in which this process could hear: a clock that stands still while the process does.

A process that was stopped, or whose machine stood still, finds every report old when it goes on, although
all nodes reported all the while. Silence in time it could not hear says nothing about anybody.
"""

from aether.ports import Clock

PULSE_S = 0.5
"""How often the clock is looked at, and what a pause counts."""
MOST_GAP_S = 1.0
"""Longest a busy process may take between two looks; what takes longer is a pause."""


class ListeningClock:
    """Seconds in which the process ran, from `clock`; pauses are left out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked_at: float | None = None
        self.missed_s = 0.0
        """What has been left out so far, in seconds."""

    def now(self) -> float:
        """Return the time in which the process could hear."""
        at = self._clock.now()
        gap_s = at - self._looked_at if self._looked_at is not None else 0.0
        self._looked_at = at
        if gap_s > MOST_GAP_S:
            self.missed_s += gap_s - PULSE_S
        return at - self.missed_s

    async def run(self) -> None:
        """Look at the clock until cancelled."""
        while True:
            self.now()
            await self._clock.sleep(PULSE_S)
