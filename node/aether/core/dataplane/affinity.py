"""Affinity: equal keys go to the same instance, on every router and after every restart.

Each instance has `POINTS` places on a circle of 64-bit numbers, computed from its name; a key belongs
to the first place at or after its own number. When an instance goes, only its keys move, and
they spread over all others; when it cannot take a request at the moment (ejected, at its limit),
its keys go on to the next place and come back with it. Hashes are BLAKE2b, so nothing depends on
the process.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import log

from aether.core.dataplane.weights import AnyShare
from aether.core.model.ids import InstanceId

POINTS = 64
"""Places of each instance: the largest share of keys stays within about a third of the mean."""
_PER_DIGEST = 8
_MOST_KEPT = 8192
"""Instances whose places are remembered: a table change computes those of new instances only."""
_SPAN = 1 << 64


def number_of(key: bytes, salt: bytes = b"") -> int:
    """Return the 64-bit number of a key; `salt` (16 bytes at most count) makes numbers independent."""
    return int.from_bytes(blake2b(key, digest_size=8, person=salt[:16]).digest(), "big")


@lru_cache(maxsize=_MOST_KEPT)
def points_of(instance: InstanceId) -> tuple[int, ...]:
    """Return an instance's places on the circle."""
    points = []
    for part in range(POINTS // _PER_DIGEST):
        digest = blake2b(instance.encode(), salt=part.to_bytes(2, "big")).digest()
        points += [
            int.from_bytes(digest[at : at + 8], "big") for at in range(0, 8 * _PER_DIGEST, 8)
        ]
    return tuple(points)


class HashRing:
    """The circle of one set of instances."""

    __slots__ = ("_owners", "_points")

    def __init__(self, instances: Iterable[InstanceId]) -> None:
        places = sorted((point, each) for each in instances for point in points_of(each))
        self._points = [point for point, _ in places]
        self._owners = [owner for _, owner in places]

    def find(self, key: bytes, fits: Callable[[InstanceId], bool]) -> InstanceId | None:
        """Return the first instance from the key's number on that fits; None when none does."""
        refused = set[InstanceId]()
        at = bisect_left(self._points, number_of(key))
        for owner in (*self._owners[at:], *self._owners[:at]):
            if owner in refused:
                continue
            if fits(owner):
                return owner
            refused.add(owner)
        return None


def weighted_choice(shares: Sequence[tuple[str, AnyShare]], key: bytes) -> AnyShare:
    """Return the share a key belongs to: as many keys as its part says, always the same ones.

    `shares` are names and parts. A change of weights moves no more keys than the weights that moved
    (rendezvous hashing: each share bids for the key, the highest bid wins).
    """
    best, highest = shares[0][1], float("-inf")
    for name, share in shares:
        unit = (number_of(key, name.encode()) + 1) / (_SPAN + 1)
        bid = share.part / -log(unit)
        if bid > highest:
            best, highest = share, bid
    return best
