"""How many retries a router allows itself: a part of its traffic, and a few however quiet it is.

Retries help when one instance fails and hurt when all are slow. The budget counts requests and
retries of the last `WINDOW_S` seconds: retries may be `ratio` of the requests plus
`least_per_s` for each second. A storm of failures therefore adds `ratio` to the load at most.
"""

WINDOW_S = 10
"""Seconds that are looked back on, in slots of one second each."""
LEAST_PER_S = 3.0
"""Retries a second that a node's routers may make however quiet they are."""


class RetryBudget:
    """Counts of one router; `now` is seconds of a monotonic clock that does not go back."""

    __slots__ = (
        "_allowance",
        "_next_second",
        "_ratio",
        "_requests",
        "_requests_before",
        "_requests_by_slot",
        "_retries",
        "_retries_by_slot",
        "_second",
    )

    def __init__(self, ratio: float = 0.1, least_per_s: float = LEAST_PER_S) -> None:
        self._ratio = ratio
        self._allowance = least_per_s * WINDOW_S
        self._requests_by_slot = [0] * WINDOW_S
        self._retries_by_slot = [0] * WINDOW_S
        self._requests = self._retries = 0
        self._requests_before = 0
        """Those of `_requests` that came before the present second, whose slot is filled when it is over."""
        self._second, self._next_second = 0, 1

    def request(self, now: float) -> None:
        """Count a request of a client: the first attempt, not the retries."""
        if now >= self._next_second:
            self._turn(int(now))
        self._requests += 1

    def may_retry(self, now: float) -> bool:
        """Whether one more retry may be made at `now`; one that may is counted."""
        if now >= self._next_second:
            self._turn(int(now))
        if self._retries + 1 > self._ratio * self._requests + self._allowance:
            return False
        self._retries += 1
        self._retries_by_slot[self._second % WINDOW_S] += 1
        return True

    def _turn(self, second: int) -> None:
        """Begin a second; forget the slots whose seconds are over."""
        self._requests_by_slot[self._second % WINDOW_S] = self._requests - self._requests_before
        for gone in range(max(self._second, second - WINDOW_S) + 1, second + 1):
            slot = gone % WINDOW_S
            self._requests -= self._requests_by_slot[slot]
            self._retries -= self._retries_by_slot[slot]
            self._requests_by_slot[slot] = self._retries_by_slot[slot] = 0
        self._requests_before = self._requests
        self._second, self._next_second = second, second + 1
