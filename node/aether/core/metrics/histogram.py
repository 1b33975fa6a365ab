"""A histogram of latencies that can be added to others.

Log-linear: every power of two is cut into 16 equal buckets, from 8 us to 134 s, so a bucket is at
most 1/16 as wide as its lower end and its middle is at most 1/32 (3.2 %) away from any latency in
it. What is shorter counts in the first bucket, what is longer in the last. Sums are whole numbers
of half microseconds: adding histograms gives the same in any order.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

TICKS_PER_S = 2_000_000
"""A tick is half a microsecond: the width of the narrowest bucket."""
BUCKETS = 384
"""24 powers of two, 16 buckets each."""
MOST_COUNT = 2**53
"""Largest count of a bucket that is read; every reader of numbers can hold it exactly."""

_PER_OCTAVE = 16
_OCTAVES = BUCKETS // _PER_OCTAVE
_LONGEST_TICKS = (1 << (_OCTAVES + 4)) - 1


def bucket_of(seconds: float) -> int:
    """Return the bucket a latency counts in."""
    return bucket_of_ticks(int(seconds * TICKS_PER_S))


def bucket_of_ticks(ticks: int) -> int:
    """Return the bucket of a latency in half microseconds."""
    if ticks < _PER_OCTAVE:
        return 0
    if ticks > _LONGEST_TICKS:
        return BUCKETS - 1
    shift = ticks.bit_length() - 5
    return (shift << 4) + (ticks >> shift) - _PER_OCTAVE


def lower_bound_s(bucket: int) -> float:
    """Return the shortest latency of a bucket, in seconds; its upper one is the next one's."""
    return ((bucket & 15) + _PER_OCTAVE << (bucket >> 4)) / TICKS_PER_S


_MIDDLES_S = tuple(
    (low + high) / 2
    for low, high in pairwise(lower_bound_s(bucket) for bucket in range(BUCKETS + 1))
)


def middle_s(bucket: int) -> float:
    """Return the latency that stands for all in a bucket, at most 3.2 % away from any of them."""
    return _MIDDLES_S[bucket]


class Histogram:
    """Counts of latencies by bucket, and the sum of them all in ticks."""

    __slots__ = ("counts", "ticks")

    def __init__(self, counts: Iterable[int] = (), ticks: int = 0) -> None:
        """Take one number for each bucket, or none at all for an empty histogram."""
        self.counts = list(counts) or [0] * BUCKETS
        self.ticks = ticks

    def record(self, seconds: float) -> None:
        """Count one latency; below nothing is nothing."""
        ticks = max(int(seconds * TICKS_PER_S), 0)
        self.counts[bucket_of_ticks(ticks)] += 1
        self.ticks += ticks

    def merge(self, other: "Histogram") -> None:
        """Add what another one counted."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.ticks += other.ticks

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return self.counts == other.counts and self.ticks == other.ticks

    __hash__ = None  # type: ignore[assignment] # it changes

    @property
    def count(self) -> int:
        """How many latencies were counted."""
        return sum(self.counts)

    @property
    def sum_s(self) -> float:
        """Sum of all latencies in seconds."""
        return self.ticks / TICKS_PER_S

    def quantile(self, share: float) -> float | None:
        """Return the latency that `share` (0 to 1) of all are not above, within 3.2 %.

        None when nothing was counted. Raises ValueError for a share that is none.
        """
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"a quantile of {share} is not between 0 and 1")
        total = self.count
        if total == 0:
            return None
        rank = max(share * total, 1)
        seen = 0
        for bucket, count in enumerate(self.counts):
            seen += count
            if seen >= rank:
                return _MIDDLES_S[bucket]
        return _MIDDLES_S[-1]


def to_sparse(counts: Sequence[int]) -> list[int]:
    """Return the buckets that hold something, as `distance, count, distance, count, …`.

    A distance is from the bucket before, the first from bucket 0.
    """
    pairs: list[int] = []
    before = 0
    for bucket, count in enumerate(counts):
        if count:
            pairs += (bucket - before, count)
            before = bucket
    return pairs


def from_sparse(pairs: Sequence[int]) -> list[int]:
    """Return all buckets; raise ValueError naming what is no histogram."""
    counts = [0] * BUCKETS
    for bucket, count in read_sparse(pairs):
        counts[bucket] = count
    return counts


def sparse_difference(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """Return what was counted since, all three as `to_sparse` writes them.

    Raises ValueError when a count went back, or `after` is no histogram.
    """
    old = dict(read_sparse(before))
    pairs: list[int] = []
    last = 0
    for bucket, count in read_sparse(after):
        more = count - old.pop(bucket, 0)
        if more < 0:
            raise ValueError(f"the count of bucket {bucket} went back by {-more}")
        if more:
            pairs += (bucket - last, more)
            last = bucket
    if old:
        bucket, count = next(iter(old.items()))
        raise ValueError(f"the count of bucket {bucket} went back by {count}")
    return pairs


def read_sparse(pairs: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the buckets of a sparse histogram with their counts.

    Raises ValueError at what is no histogram.
    """
    if len(pairs) % 2 or len(pairs) > 2 * BUCKETS:
        raise ValueError(f"{len(pairs)} numbers are not pairs of distance and count")
    bucket, least = 0, 0
    for distance, count in zip(pairs[::2], pairs[1::2], strict=True):
        bucket += distance
        if distance < least or bucket >= BUCKETS:
            raise ValueError(f"distance {distance} to bucket {bucket} leads to no further bucket")
        if not 0 < count <= MOST_COUNT:
            raise ValueError(f"count {count} of bucket {bucket} is not from 1 to {MOST_COUNT}")
        least = 1
        yield bucket, count
