"""A circuit breaker for one endpoint: closed, open, half-open with one probe.

After `FAILURES_TO_OPEN` requests in a row that found no living instance (no connection, lost, timed
out) it opens: nothing is sent, and a caller hears so at once instead of waiting. When its time is
over it is half-open: one request, the probe, is let through. The probe's answer closes it; its
failure opens it again for twice as long, up to `LONGEST_OPEN_S`. An answer of any status is an
answer: an application that answers 500 is alive. What began before the breaker's last
change says nothing new and is not counted.
"""

from enum import Enum

FAILURES_TO_OPEN = 5
FIRST_OPEN_S = 0.5
LONGEST_OPEN_S = 4.0


class BreakerState(Enum):
    """What a breaker lets through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Times are seconds of one monotonic clock."""

    __slots__ = ("_deaf_until", "_is_open", "_seconds", "failures", "is_probing", "is_quiet")

    def __init__(self) -> None:
        self.failures = 0
        """In a row, while closed."""
        self.is_probing = False
        self.is_quiet = True
        """Whether it is closed and no failure is counted: an answer tells it nothing."""
        self._is_open = False
        self._deaf_until = 0.0
        self._seconds = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether everything is let through."""
        return not self._is_open

    @property
    def open_until(self) -> float:
        """When it becomes, or became, half-open; 0 when it is closed."""
        return self._deaf_until if self._is_open else 0.0

    def state(self, now: float) -> BreakerState:
        """Return its state at `now`."""
        if not self._is_open:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._deaf_until else BreakerState.HALF_OPEN

    def allows(self, now: float) -> bool:
        """Whether a request may be sent at `now`."""
        return not self._is_open or (now >= self._deaf_until and not self.is_probing)

    def started(self) -> None:
        """Note that a request it allowed is sent."""
        self.is_probing = self._is_open

    def answered(self, began: float) -> bool:
        """Note an answer to a request sent at `began`; return whether that closes the breaker."""
        was_open = self._is_open
        if was_open and began < self._deaf_until:
            return False
        self._is_open = self.is_probing = False
        self.is_quiet = True
        self.failures = 0
        self._seconds = 0.0
        return was_open

    def failed(self, began: float, now: float) -> bool:
        """Note that a request sent at `began` found nobody; return whether the breaker opens."""
        if began < self._deaf_until:
            return False
        self.is_quiet = False
        if not self._is_open:
            self.failures += 1
            if self.failures < FAILURES_TO_OPEN:
                return False
        self._seconds = min(max(2 * self._seconds, FIRST_OPEN_S), LONGEST_OPEN_S)
        self._is_open, self.is_probing = True, False
        self._deaf_until = now + self._seconds
        self.failures = 0
        return True

    def cancelled(self, began: float) -> bool:
        """Note that a request was given up, so that it tells nothing; return whether it probed."""
        if not self.is_probing or began < self._deaf_until:
            return False
        self.is_probing = False
        return True

    def idle(self) -> bool:
        """Note that no request is under way, so no probe is; return whether one was believed to be."""
        was_probing, self.is_probing = self.is_probing, False
        return was_probing
