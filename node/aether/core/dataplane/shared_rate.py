"""One rate limit for a route over all router processes of a node, without a lock between them.

Each process keeps a bucket of its own and publishes in its lane how many requests it let through. Before it
decides, it takes what the others have let through since it last looked out of its own bucket. So every
bucket stands for the whole node, whichever process a client's connection went to.

With `W` processes that look at least every `P` seconds, any `T` seconds let through at most `burst + rate x
(T + P) + W - 1` requests: `W - 1` because the others may be letting one through at this very moment, `rate x
P` because a bucket that was full when another's requests were let through is told of them late. No request
is turned away that a single bucket would have let through.
"""

from collections.abc import Collection, Sequence
from math import ceil

from aether.core.dataplane.lanes import Lane, route_number

_ROUNDING = 1e-6
"""Of a token: a request that waited as long as it was told must not miss by a rounding."""


class _Heard:
    """What one other lane has told of one route."""

    __slots__ = ("count", "lane", "place", "tried")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.place = -1
        self.tried = -1
        """How many routes the lane had when this one was looked for in vain."""
        self.count = 0

    def news(self, number: int) -> int:
        """Return how many requests were let through there since the last call."""
        if self.place < 0:
            routes = self.lane.routes
            if routes == self.tried:
                return 0
            self.tried = routes
            self.place = self.lane.find(number)
            if self.place < 0:
                return 0
        count = self.lane.let_through[self.place]
        more, self.count = count - self.count, count
        return more


class _Bucket:
    """One route's bucket: it holds `rate` tokens for each second since `empty_at`, at most `most`."""

    __slots__ = ("empty_at", "heard", "most", "number", "place", "rate")

    def __init__(self, number: int, place: int) -> None:
        self.number = number
        self.place = place
        self.empty_at = float("-inf")
        self.heard: list[_Heard] = []
        self.rate = self.most = 0.0

    def begin(self, others: Sequence[Lane]) -> None:
        """Begin full, or as the others' buckets are."""
        for lane in others:
            heard = _Heard(lane)
            self.heard.append(heard)
            heard.news(self.number)  # what was before is in the state of that bucket
            if heard.place >= 0:
                self.empty_at = max(self.empty_at, lane.empty_at[heard.place])

    def hear(self) -> None:
        """Take out what the others have let through."""
        more = 0
        for heard in self.heard:
            more += heard.news(self.number)
        if more:
            self.empty_at += more / self.rate

    def fill(self, now: float) -> None:
        """Let it hold no more than it may."""
        self.empty_at = max(self.empty_at, now - self.most / self.rate)

    def take(self, now: float) -> float:
        """Take a token; return 0, or the seconds until there is one."""
        tokens = (now - self.empty_at) * self.rate
        if tokens < 1.0 - _ROUNDING:
            return (1.0 - tokens) / self.rate
        self.empty_at += 1.0 / self.rate
        return 0.0


class SharedBuckets:
    """Buckets by name of the route; one process's side. `now` is a clock all processes read alike."""

    def __init__(self, own: Lane, workers: int) -> None:
        self._own = own
        self._workers = workers
        self._others: list[Lane] = []
        self._buckets: dict[str, _Bucket] = {}

    def meet(self, lane: Lane) -> None:
        """Mind another process from now on."""
        self._others.append(lane)
        for bucket in self._buckets.values():
            bucket.heard.append(_Heard(lane))

    def part(self, lane: Lane) -> None:
        """Take note of the last of a process that has ended."""
        self._others = [each for each in self._others if each is not lane]
        for bucket in self._buckets.values():
            bucket.hear()
            bucket.heard = [each for each in bucket.heard if each.lane is not lane]

    def look(self, now: float) -> None:
        """Take note of what the others have let through."""
        for bucket in self._buckets.values():
            bucket.hear()
            bucket.fill(now)

    def admit(self, key: str, rate: float, burst: int, now: float) -> float:
        """Return 0 when a request is let through, else the seconds until one would be; see `TokenBuckets`."""
        bucket = self._buckets.get(key) or self._begin(key)
        place = bucket.place
        if place < 0:  # no room to tell the others: everybody keeps to a share
            rate, burst = rate / self._workers, max(1, (burst or ceil(rate)) // self._workers)
        bucket.rate, bucket.most = rate, burst or ceil(rate)
        bucket.hear()
        bucket.fill(now)
        wait_s = bucket.take(now)
        if not wait_s and place >= 0:
            self._own.empty_at[place] = bucket.empty_at
            self._own.let_through[place] += 1
        return wait_s

    def _begin(self, key: str) -> _Bucket:
        number = route_number(key)
        bucket = self._buckets[key] = _Bucket(number, self._own.give(number))
        bucket.begin(self._others)
        return bucket

    def retain(self, keys: Collection[str]) -> None:
        """Forget the buckets of all other keys: their routes are gone."""
        self._buckets = {key: kept for key, kept in self._buckets.items() if key in keys}
