"""How many requests a second a route lets through: one token bucket for each route."""

from collections.abc import Collection, Hashable
from math import ceil
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class TokenBuckets(Generic[Key]):
    """Buckets by key; a bucket begins full. `now` is seconds of a monotonic clock."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[Key, tuple[float, float]] = {}

    def admit(self, key: Key, rate: float, burst: int, now: float) -> float:
        """Return 0 when a request is let through, else the seconds until one would be.

        `rate` is tokens a second, above 0; `burst` is what the bucket holds, 0 means `rate` rounded
        up. A request that is turned away takes nothing.
        """
        most = burst or ceil(rate)
        tokens, since = self._buckets.get(key, (float(most), now))
        tokens = min(most, tokens + rate * max(now - since, 0.0))
        if tokens < 1.0:
            self._buckets[key] = (tokens, now)
            return (1.0 - tokens) / rate
        self._buckets[key] = (tokens - 1.0, now)
        return 0.0

    def retain(self, keys: Collection[Key]) -> None:
        """Forget the buckets of all other keys: their routes are gone."""
        self._buckets = {key: kept for key, kept in self._buckets.items() if key in keys}
