"""Leases: what keys go with, and when. They end through the log alone, never by a member's clock.

Times are cluster time in milliseconds.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

import msgspec

from aether.core.store.commands import MAX_EXPIRED, NO_LEASE, LeaseId

MAX_LEASES = 10_000
"""A snapshot copies them all in one step: 0.2 µs each."""
MAX_LEASE_KEYS = 10_000
"""Most keys under one lease: what its end deletes in one step."""


class LeaseRecord(
    msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False
):
    """A lease as it stands in a snapshot; its keys are told by the entries."""

    lease: LeaseId
    ttl_ms: int
    expires_ms: int


class Lease:
    """One lease; `keys` are those put under it and not put or deleted since."""

    __slots__ = ("expires_ms", "keys", "ttl_ms")

    def __init__(self, ttl_ms: int, expires_ms: int) -> None:
        self.ttl_ms = ttl_ms
        self.expires_ms = expires_ms
        self.keys: set[str] = set()


class Leases:
    """The living leases, and the order in which they may end.

    The heap holds each lease at least once, at a time no later than its end: renewals do not touch
    it, `due` puts a renewed lease back where it belongs.
    """

    def __init__(self, last: LeaseId = NO_LEASE) -> None:
        self.last = last
        """The last id given out."""
        self._leases: dict[LeaseId, Lease] = {}
        self._heap: list[tuple[int, LeaseId]] = []

    def __len__(self) -> int:
        return len(self._leases)

    def __iter__(self) -> Iterator[LeaseRecord]:
        """Walk the leases in the order they were granted."""
        for lease_id, lease in self._leases.items():
            yield LeaseRecord(lease_id, lease.ttl_ms, lease.expires_ms)

    def get(self, lease: LeaseId) -> Lease | None:
        """Return a lease, or None when there is none, or none any more."""
        return self._leases.get(lease)

    def grant(self, ttl_ms: int, time_ms: int) -> LeaseId:
        """Make a lease."""
        self.last = LeaseId(self.last + 1)
        self.put(LeaseRecord(self.last, ttl_ms, time_ms + ttl_ms))
        return self.last

    def put(self, record: LeaseRecord) -> None:
        """Take in a lease as a snapshot tells it."""
        self._leases[record.lease] = Lease(record.ttl_ms, record.expires_ms)
        if len(self._heap) > 2 * len(self._leases) + 64:
            # Leases that ended early are still in the heap: begin it anew.
            self._heap = [(lease.expires_ms, number) for number, lease in self._leases.items()]
            heapify(self._heap)
        else:
            heappush(self._heap, (record.expires_ms, record.lease))

    def renew(self, lease: Lease, time_ms: int) -> None:
        """Begin a lease's time anew."""
        lease.expires_ms = max(lease.expires_ms, time_ms + lease.ttl_ms)

    def end(self, lease: LeaseId) -> frozenset[str]:
        """Forget a lease and return its keys, which go with it; none when there is no such lease."""
        ended = self._leases.pop(lease, None)
        return frozenset(ended.keys) if ended is not None else frozenset()

    def due(self, time_ms: int) -> tuple[LeaseId, ...]:
        """Return leases whose time is over at `time_ms`, sorted, at most `MAX_EXPIRED`."""
        found: dict[LeaseId, int] = {}
        while self._heap and self._heap[0][0] <= time_ms and len(found) < MAX_EXPIRED:
            _, number = heappop(self._heap)
            lease = self._leases.get(number)
            if lease is None or number in found:
                continue
            if lease.expires_ms > time_ms:
                heappush(self._heap, (lease.expires_ms, number))
            else:
                found[number] = lease.expires_ms
        for number, expires_ms in found.items():
            heappush(self._heap, (expires_ms, number))
        return tuple(sorted(found))
