"""The course of metrics: bounded rings of one row a second, ten seconds and a minute.

A row holds the value of every series at that time; series have fixed places in it, so writing a second
costs one pass over the values and reading one series costs one look a row. Rows are numbered by seconds
of a monotonic clock. News come by timers of their own, a little early or late: a row that is less than
0.9 s off its second still counts for it, so that jitter makes no holes, and what is late by more leaves
one. When rows of a second would take more memory than they may, the oldest go and coarser ones remain.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import nan
from typing import TypeAlias

Row: TypeAlias = "array[float]"
Series = tuple[str, str]
"""Metric and subject."""

SPAN_S = 7200
STEPS_S = (1, 10, 60)
MOST_BYTES = 64 * 1024 * 1024
"""Most memory of the rows of one step; 2 h of 1,100 series fit at a second each."""
MOST_SERIES = 20_000
_JITTER_S = 0.9
_BYTES = 8


@dataclass(slots=True)
class _Ring:
    """Rows of one step, the oldest first."""

    step_s: int
    rows: deque[tuple[int, Row]] = field(default_factory=deque)
    bytes: int = 0

    def add(self, second: int, row: Row, most_bytes: int) -> None:
        self.rows.append((second, row))
        self.bytes += _BYTES * len(row)
        while self.rows[0][0] <= second - SPAN_S or self.bytes > most_bytes:
            _, old = self.rows.popleft()
            self.bytes -= _BYTES * len(old)
            if not self.rows:
                break

    def drop_newest(self) -> None:
        if self.rows:
            _, row = self.rows.pop()
            self.bytes -= _BYTES * len(row)


class Windows:
    """Keeps two hours of every series. `worst` says of a metric whether its worst value is kept.

    `steps_s` are the rings, the finest first; each must be a multiple of the one before.
    """

    def __init__(
        self,
        worst: Callable[[str], bool],
        *,
        steps_s: Sequence[int] = STEPS_S,
        most_bytes: int = MOST_BYTES,
        most_series: int = MOST_SERIES,
    ) -> None:
        self._worst = worst
        self._rings = tuple(_Ring(step) for step in steps_s)
        self._most_bytes = most_bytes
        self._most_series = most_series
        self._places: dict[Series, int] = {}
        self._is_worst: list[bool] = []
        self._free: list[int] = []
        self._seen: list[int] = []
        self._full_until = -1
        self._second: int | None = None
        self._ahead = 0.0
        """How long after the second it is of a row comes as a rule; found anew after each hole."""
        self.refused = 0
        """Values not kept because there were too many series."""

    @property
    def bytes(self) -> int:
        """Memory of all rows."""
        return sum(ring.bytes for ring in self._rings)

    @property
    def second(self) -> int | None:
        """Number of the newest row of the finest ring."""
        return self._second

    def add(self, now: float, values: Iterable[tuple[str, str, float]]) -> int:
        """Keep the values (metric, subject, value) of a row that ends now; return its second."""
        finest = self._rings[0]
        second = self._next_second(now, finest.step_s)
        row = array("d", [nan]) * len(self._seen)
        places, seen = self._places, self._seen
        for metric, subject, value in values:
            place = places.get((metric, subject), -1)
            if place < 0:
                place = self._new_place((metric, subject), second)
                if place < 0:
                    continue
                if place == len(row):
                    row.append(nan)
            row[place] = value
            seen[place] = second
        if second == self._second:
            finest.drop_newest()
        self._close(second)
        finest.add(second, row, self._most_bytes)
        self._second = second
        return second

    def _next_second(self, now: float, step_s: int) -> int:
        """Return the second of a row: the one that is due, a later one after a hole.

        Where rows came faster than the clock went, the newest is replaced.
        """
        if self._second is None:
            self._ahead = now - int(now)
            return int(now)
        expected = self._second + step_s
        off = now - self._ahead - expected
        if off <= -_JITTER_S * step_s:
            return self._second
        if off < _JITTER_S * step_s:
            return expected
        self._ahead = now - int(now)
        return max(int(now), expected)

    def _new_place(self, series: Series, second: int) -> int:
        """Return the place of a series not seen before, -1 when there is none left."""
        if len(self._places) >= self._most_series and not self._make_room(second):
            self.refused += 1
            return -1
        is_worst = self._worst(series[0])
        if self._free:
            place = self._free.pop()
            self._is_worst[place] = is_worst
        else:
            place = len(self._seen)
            self._seen.append(second)
            self._is_worst.append(is_worst)
        self._places[series] = place
        return place

    def _make_room(self, second: int) -> bool:
        """Give up the places of series no row has any more; look through them once a minute at most."""
        if second < self._full_until:
            return False
        gone = [
            series
            for series, place in self._places.items()
            if self._seen[place] <= second - SPAN_S - self._rings[-1].step_s
        ]
        for series in gone:
            self._free.append(self._places.pop(series))
        if not gone:
            self._full_until = second + 60
        return bool(gone)

    def _close(self, second: int) -> None:
        """Before the row of `second` comes, make the coarser rows that end before it."""
        for fine, coarse in zip(self._rings, self._rings[1:], strict=False):
            if not fine.rows:
                return
            begin = fine.rows[-1][0] // coarse.step_s * coarse.step_s
            if second < begin + coarse.step_s:
                continue
            rows = list(_since(fine, begin))
            if rows and (not coarse.rows or coarse.rows[-1][0] < begin):
                coarse.add(begin, self._together([row for _, row in rows]), self._most_bytes)

    def _together(self, rows: Sequence[Sequence[float]]) -> Row:
        """Return the row that stands for these: the mean of every series, or its worst value."""
        found = array("d")
        columns = zip_longest(*rows, fillvalue=nan)
        for values, is_worst in zip(columns, self._is_worst, strict=False):
            total = sum(values)
            if total == total:  # noqa: PLR0124 - only what is no number differs from itself
                found.append(max(values) if is_worst else total / len(values))
            else:
                known = [value for value in values if value == value]  # noqa: PLR0124 - as above
                found.append(_one_of(known, is_worst=is_worst) if known else nan)
        return found

    def course(self, series: Series, range_s: float, step_s: int) -> list[tuple[int, float]]:
        """Return (second, value) of the last `range_s`, the oldest first; holes are left out.

        `step_s` is one of the steps. A coarser row stands at the second it begins with. What is
        in no coarse row yet is told up to now, made of the finer ones.
        """
        place = self._places.get(series)
        if place is None or self._second is None:
            return []
        ring = next((ring for ring in self._rings if ring.step_s == step_s), None)
        if ring is None:
            raise ValueError(f"step {step_s} s is none of {[one.step_s for one in self._rings]}")
        oldest = self._second - range_s
        found = list(_values(_since(ring, oldest + 1e-9), place))
        if ring is not self._rings[0]:
            found += self._unfinished(ring, place, self._second)
        return found

    def _unfinished(self, ring: _Ring, place: int, second: int) -> list[tuple[int, float]]:
        """Return the point of the coarse row that is still being made."""
        begin = second // ring.step_s * ring.step_s
        values = [value for _, value in _values(_since(self._rings[0], begin), place)]
        if not values:
            return []
        return [(begin, _one_of(values, is_worst=self._is_worst[place]))]


def _one_of(values: Sequence[float], *, is_worst: bool) -> float:
    return max(values) if is_worst else sum(values) / len(values)


def _since(ring: _Ring, second: float) -> Iterator[tuple[int, Row]]:
    """Yield the rows from a second on, the oldest first."""
    found = []
    for row in reversed(ring.rows):
        if row[0] < second:
            break
        found.append(row)
    return reversed(found)


def _values(rows: Iterable[tuple[int, Sequence[float]]], place: int) -> Iterator[tuple[int, float]]:
    for second, row in rows:
        if place < len(row):
            value = row[place]
            if value == value:  # noqa: PLR0124 - only what is no number differs from itself
                yield second, value
