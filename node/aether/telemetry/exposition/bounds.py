"""The fixed bounds latencies are told in: 19 and infinity, each on a border of the fine histogram.

The fine histogram cuts every power of two in 16; each bound is such a border, so that the count below it is
exact. From 0.2 ms to 52 s each is twice the one before.
"""

from collections.abc import Sequence
from itertools import accumulate

from aether.core.metrics.histogram import TICKS_PER_S, bucket_of_ticks, lower_bound_s

_FIRST_TICKS = 400
"""0.2 ms: 25 * 2**4 ticks, so every doubling of it is a border as well."""

BORDERS: tuple[int, ...] = tuple(bucket_of_ticks(_FIRST_TICKS << double) for double in range(19))
"""The buckets of the fine histogram that begin at the bounds."""
BOUNDS_S: tuple[float, ...] = tuple(lower_bound_s(border) for border in BORDERS)
"""The bounds in seconds; infinity follows them."""

if any(round(bound * TICKS_PER_S) != _FIRST_TICKS << n for n, bound in enumerate(BOUNDS_S)):
    raise AssertionError("a bound lies beside the borders of the fine histogram")


def counts_below(counts: Sequence[int]) -> tuple[int, ...]:
    """Return how many of a fine histogram lie below each bound, and how many there are."""
    sums = list(accumulate(counts))
    return (*(sums[border - 1] for border in BORDERS), sums[-1])
