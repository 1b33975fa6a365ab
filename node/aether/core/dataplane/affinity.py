"""Affinity: equal keys go to the same instance, on every router and after every restart.

Each instance has `POINTS` places on a circle of 64-bit numbers, computed from its name; a key
belongs to the first place at or after its own number. When an instance goes, only its keys move,
and they spread over all others; when it cannot take a request at the moment (ejected, at its
limit), its keys go on to the next place and come back with it. Numbers are BLAKE2b of the names,
so nothing depends on the process.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import log
from typing import Generic, TypeVar

from aether.core.dataplane.weights import AnyShare

POINTS = 64
"""Places of each instance."""
_PER_DIGEST = 8
_MOST_KEPT = 8192
"""Instances whose places are remembered: a new table computes those of new instances only."""
_SPAN = 1 << 64

Owner = TypeVar("Owner")


def number_of(key: bytes) -> int:
    """Return the 64-bit number of a key."""
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")


@lru_cache(maxsize=_MOST_KEPT)
def points_of(name: str) -> tuple[int, ...]:
    """Return the places of an instance on the circle."""
    points = []
    for part in range(POINTS // _PER_DIGEST):
        digest = blake2b(name.encode(), salt=part.to_bytes(2, "big")).digest()
        points += [int.from_bytes(digest[at : at + 8], "big") for at in range(0, len(digest), 8)]
    return tuple(points)


class HashRing(Generic[Owner]):
    """The circle of one set of owners, given with their names."""

    __slots__ = ("_owners", "_points")

    def __init__(self, owners: Iterable[tuple[str, Owner]]) -> None:
        places = [(point, name, owner) for name, owner in owners for point in points_of(name)]
        places.sort(key=lambda place: place[:2])
        self._points = [point for point, _, _ in places]
        self._owners = [owner for _, _, owner in places]

    def find(self, key: bytes, fits: Callable[[Owner], bool]) -> Owner | None:
        """Return the first owner from the key's number on that fits; None when none does."""
        owners = self._owners
        at = bisect_left(self._points, number_of(key))
        for index in range(at - len(owners), at):  # negative ones count from the end
            if fits(owners[index]):
                return owners[index]
        return None


def weighted_choice(names: Sequence[str], shares: Sequence[AnyShare], key: bytes) -> AnyShare:
    """Return the share a key belongs to: of many keys as large a part as its own, always the same.

    A change of weights moves no more keys than it moves weight (rendezvous hashing: each share bids
    for the key, the highest bid wins).
    """
    best, highest = shares[0], float("-inf")
    for name, share in zip(names, shares, strict=True):
        unit = (number_of(name.encode() + b"\0" + key) + 1) / (_SPAN + 1)
        bid = share.part / -log(unit)
        if bid > highest:
            best, highest = share, bid
    return best
