"""How many requests a second a route lets through: one token bucket for each route."""

from collections.abc import Collection, Hashable
from math import ceil
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class TokenBuckets(Generic[Key]):
    """Buckets by key; a bucket begins full. `now` is seconds of a monotonic clock."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[Key, list[float]] = {}
        """What each held when it was last asked, and when that was."""

    def admit(self, key: Key, rate: float, burst: int, now: float) -> float:
        """Return 0 when a request is let through, else the seconds until one would be.

        `rate` is tokens a second, above 0; `burst` is what the bucket holds, 0 means `rate` rounded
        up. A request that is turned away takes nothing.
        """
        most = burst or ceil(rate)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = [float(most), now]
        tokens, since = bucket
        if now > since:
            tokens += rate * (now - since)
        if tokens > most:  # noqa: PLR1730 - asked for every request: `min` takes ten times as long
            tokens = most
        bucket[1] = now
        if tokens < 1.0:
            bucket[0] = tokens
            return (1.0 - tokens) / rate
        bucket[0] = tokens - 1.0
        return 0.0

    def retain(self, keys: Collection[Key]) -> None:
        """Forget the buckets of all other keys: their routes are gone."""
        self._buckets = {key: kept for key, kept in self._buckets.items() if key in keys}
