"""What all routers counted for one slice in the last seconds: share of errors, latencies, retries.

Ten parts of a second each are kept; the oldest goes when a new one comes, so nothing is ever counted
for longer, and a second without requests makes room like any other.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import msgspec

from aether.core.metrics.histogram import middle_s
from aether.core.metrics.samples import SliceSample

PARTS = 10
LEAST_REQUESTS = 10
"""A share of fewer says little: one failure of five is no 20 % of anything."""


class _Part(msgspec.Struct, frozen=True, gc=False):
    """One second. There are ten of every slice: the garbage collector need not look at each again and again."""

    requests: int
    errors: int
    buckets: Mapping[int, int]


class SliceWindow:
    """The last `PARTS` seconds of one slice."""

    __slots__ = ("_counts", "_parts", "errors", "requests")

    def __init__(self) -> None:
        self._parts: deque[_Part] = deque()
        self._counts: dict[int, int] = {}
        self.requests = 0
        self.errors = 0

    def add(self, samples: Iterable[SliceSample]) -> None:
        """Take what was counted in one second, over all nodes; nothing at all is also news."""
        requests = errors = 0
        buckets: dict[int, int] = {}
        for sample in samples:
            requests += sample.requests
            errors += sample.errors
            _gather(buckets, sample.buckets)
        self._add(_Part(requests, errors, buckets))

    def _add(self, part: _Part) -> None:
        self._parts.append(part)
        self.requests += part.requests
        self.errors += part.errors
        for bucket, count in part.buckets.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count
        if len(self._parts) > PARTS:
            self._drop(self._parts.popleft())

    def _drop(self, part: _Part) -> None:
        self.requests -= part.requests
        self.errors -= part.errors
        for bucket, count in part.buckets.items():
            left = self._counts[bucket] - count
            if left:
                self._counts[bucket] = left
            else:
                del self._counts[bucket]

    @property
    def error_share(self) -> float | None:
        """Share of requests answered 5xx or not to the end; None of fewer than `LEAST_REQUESTS`."""
        return min(self.errors / self.requests, 1.0) if self.requests >= LEAST_REQUESTS else None

    def quantiles(self, shares: Sequence[float]) -> list[float | None]:
        """Return the latencies that these shares (ascending, 0 to 1) of all are not above."""
        total = sum(self._counts.values())
        if not total:
            return [None for _ in shares]
        found: list[float | None] = []
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            while len(found) < len(shares) and seen >= max(shares[len(found)] * total, 1):
                found.append(middle_s(bucket))
        return found


def _gather(found: dict[int, int], pairs: Sequence[int]) -> None:
    """Add a sparse histogram, which was found sound when its sample was read, to counts by bucket."""
    for bucket, count in zip(accumulate(pairs[::2]), pairs[1::2], strict=True):
        found[bucket] = found.get(bucket, 0) + count
