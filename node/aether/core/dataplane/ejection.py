"""When an endpoint is set aside: after a failure, after errors in a row, or at a high rate of them.

*Failures* (no connection, connection lost, time-out) say the instance may be gone: one is enough,
and the ejection is short. *Errors* (answers of 500 and above) are the application's own word, so
`ERRORS_IN_A_ROW` of them or `MOST_ERRORS` of at least `FEWEST_REQUESTS` in the window are
needed, and only while the other instances of the slice do at least twice as well: where all
answer alike, setting some aside would only load the rest.

The first ejection lasts `FIRST_EJECTION_S`, each further one twice as long up to
`LONGEST_EJECTION_S`; one that stayed away from trouble for a window begins at the first again. What
began before an ejection's end says nothing new and does not count: a dead instance under
many connections fails many times at once and is ejected once.
"""

from collections.abc import Iterable

FIRST_EJECTION_S = 0.5
LONGEST_EJECTION_S = 8.0
ERRORS_IN_A_ROW = 5
MOST_ERRORS = 0.5
FEWEST_REQUESTS = 20
WINDOW_S = 10.0
_HALF_S = WINDOW_S / 2


class Record:
    """What one endpoint answered in the last window, and until when it is set aside.

    The window is two halves: the one that fills and the last full one, so that it is between half
    a window and a whole one long.
    """

    __slots__ = (
        "_ends",
        "_old_errors",
        "_old_total",
        "_seconds",
        "errors",
        "in_a_row",
        "total",
        "until",
    )

    def __init__(self) -> None:
        self.until = 0.0
        """End of the last ejection."""
        self.in_a_row = 0
        """Errors and failures since the last good answer."""
        self.total = self.errors = 0
        self._old_total = self._old_errors = 0
        self._ends = float("-inf")
        self._seconds = 0.0

    def is_ejected(self, now: float) -> bool:
        """Whether the endpoint is set aside at `now`."""
        return now < self.until

    def good(self, now: float) -> None:
        """Count an answer that is no error."""
        if now >= self._ends:
            self._turn(now)
        self.total += 1
        self.in_a_row = 0

    def bad(self, now: float) -> None:
        """Count an error or a failure."""
        if now >= self._ends:
            self._turn(now)
        self.total += 1
        self.errors += 1
        self.in_a_row += 1

    def _turn(self, now: float) -> None:
        is_next = now < self._ends + _HALF_S
        self._old_total = self.total if is_next else 0
        self._old_errors = self.errors if is_next else 0
        self.total = self.errors = 0
        self._ends = (self._ends if is_next else now) + _HALF_S

    def counts(self, now: float) -> tuple[int, int]:
        """Return requests and errors of the window."""
        if now >= self._ends:
            self._turn(now)
        return self.total + self._old_total, self.errors + self._old_errors

    def is_suspect(self, now: float) -> bool:
        """Whether its errors alone would set it aside."""
        if self.in_a_row >= ERRORS_IN_A_ROW:
            return True
        total, errors = self.counts(now)
        return total >= FEWEST_REQUESTS and errors >= MOST_ERRORS * total

    def eject(self, now: float) -> float:
        """Set the endpoint aside from `now`; return for how many seconds. Its window starts anew."""
        rested = now - self.until >= WINDOW_S
        doubled = FIRST_EJECTION_S if rested else max(2 * self._seconds, FIRST_EJECTION_S)
        self._seconds = min(doubled, LONGEST_EJECTION_S)
        self.until = now + self._seconds
        self.in_a_row = 0
        self.total = self.errors = self._old_total = self._old_errors = 0
        return self._seconds

    def release(self, now: float) -> None:
        """Take the endpoint back before its time is over."""
        self.until = min(self.until, now)


def most_ejected(size: int) -> int:
    """Return how many of a slice's `size` endpoints may be set aside at once: never over half."""
    return size // 2


def is_worse(record: Record, others: Iterable[Record], now: float) -> bool:
    """Whether an endpoint has at least twice the rate of errors of the others; they may be silent."""
    total, errors = record.counts(now)
    counts = [each.counts(now) for each in others]
    others_total, others_errors = sum(each[0] for each in counts), sum(each[1] for each in counts)
    return errors * others_total >= 2 * others_errors * total
