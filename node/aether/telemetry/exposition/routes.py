"""What was counted by route, within a bound of label sets that holds whatever routes come and go.

Rows of the routes first heard of are told under their own names; those beyond the bound are added up in one
row, `OTHER`. That row only grows: each look adds by how much the rows behind it have grown.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import add
from typing import NamedTuple

from aether.core.dataplane.route_counts import (
    NO_ROUTE,
    OVERFLOW,
    STATUS_CLASSES,
    split_key,
)
from aether.core.dataplane.traffic import Names, Tally
from aether.core.metrics.histogram import TICKS_PER_S
from aether.telemetry.exposition.bounds import counts_below
from aether.telemetry.exposition.series import Spread

UNMATCHED = "unmatched"
"""Stands for requests no route takes; routes begin with a verb in capitals, so none is called so."""
OTHER = "other"
"""Stands for the routes beyond the bound."""

Key = tuple[str, str, str]
"""Slice, route and version."""


class Row(NamedTuple):
    """What was counted under one key; every part only grows."""

    statuses: tuple[int, ...]
    retries: int
    bytes_in: int
    bytes_out: int
    spread: Spread


Flat = tuple[int, ...]
"""A row as one line of whole numbers: rows are added and compared so."""


class RouteRows:
    """Remembers which keys have rows of their own, and what those beyond the bound were at."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._own: set[Key] = set()
        self._beyond: dict[Key, Flat] = {}
        self._other: Flat = ()

    def rows(self, totals: Mapping[Names, Tally]) -> Mapping[Key, Row]:
        """Return a row for each key, in order of keys; `OTHER` for those beyond the bound."""
        flats = _by_key(totals)
        self._own &= flats.keys()
        beyond: dict[Key, Flat] = {}
        for key, flat in flats.items():
            if key in self._own:
                continue
            if key not in self._beyond and len(self._own) < self._most:
                self._own.add(key)
            else:
                beyond[key] = flat
                self._other = _grown(self._other, self._beyond.get(key, ()), flat)
        self._beyond = beyond
        found = {key: _row(flats[key]) for key in sorted(self._own)}
        if self._other:
            found["", OTHER, ""] = _row(self._other)
        return found


def labels_of(key: str) -> tuple[str, str]:
    """Return slice and route of the name of a route as the routers count it."""
    if key == NO_ROUTE:
        return "", UNMATCHED
    if key == OVERFLOW:
        return "", key.strip()
    route, slice_base = split_key(key)
    return slice_base, route


def _by_key(totals: Mapping[Names, Tally]) -> dict[Key, Flat]:
    """Add up what differs in its method only."""
    found: dict[Key, Flat] = {}
    for (route, version, _), tally in totals.items():
        slice_base, label = labels_of(route)
        key = slice_base, label, version
        flat = _flat(tally)
        found[key] = _sum((found[key], flat)) if key in found else flat
    return found


def _flat(tally: Tally) -> Flat:
    latencies = tally.latencies
    return (
        *tally.statuses,
        tally.retries,
        tally.bytes_in,
        tally.bytes_out,
        latencies.ticks,
        # A copy is made in one step: the event loop counts on meanwhile.
        *counts_below(latencies.counts.copy()),
    )


def _sum(flats: Iterable[Flat]) -> Flat:
    return tuple(map(sum, zip(*flats, strict=True)))


def _grown(other: Flat, before: Flat, now: Flat) -> Flat:
    """Return `other` with what was counted since `before`; a count that fell has begun anew."""
    if not before or any(new < old for old, new in zip(before, now, strict=True)):
        more: Sequence[int] = now
    else:
        more = [new - old for old, new in zip(before, now, strict=True)]
    return tuple(map(add, other, more)) if other else tuple(more)


def _row(flat: Flat) -> Row:
    statuses, rest = flat[:STATUS_CLASSES], flat[STATUS_CLASSES:]
    return Row(statuses, rest[0], rest[1], rest[2], Spread(rest[4:], rest[3] / TICKS_PER_S))
