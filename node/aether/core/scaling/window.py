"""The largest value of a sliding window, as a value: a falling queue in a tuple."""

from typing import TypeAlias

Maxima: TypeAlias = tuple[tuple[float, float], ...]
"""(moment, value), oldest first, values falling: what can still become the largest of the window."""

GRAIN_S = 5.0
"""Moments are kept to so many seconds, which bounds the queue: 300 s are 61 entries at most."""


def pushed(
    maxima: Maxima, at: float, value: float, span_s: float, grain_s: float = GRAIN_S
) -> Maxima:
    """Return the queue with a value more, and without what is older than `span_s` or can no longer matter."""
    moment = at - at % grain_s
    if (
        maxima
        and maxima[-1][0] == moment
        and value <= maxima[-1][1]
        and maxima[0][0] >= at - span_s
    ):
        return maxima  # by far the most frequent case
    first = 0
    while first < len(maxima) and maxima[first][0] < at - span_s:
        first += 1
    end = len(maxima)
    while end > first and maxima[end - 1][1] <= value:
        end -= 1
    if end > first and maxima[end - 1][0] == moment:
        return maxima[first:end]  # a larger value of the same moment stands for both
    return (*maxima[first:end], (moment, value))


def largest(maxima: Maxima, since: float) -> float:
    """Return the largest value at or after a moment; 0 when there is none."""
    for moment, value in maxima:
        if moment >= since:
            return value
    return 0.0
