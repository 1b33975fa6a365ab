"""The course of metrics: bounded rings of one row a second, ten seconds and a minute.

A row holds the value of every series at that time; series have fixed places in it, so writing a second
costs one pass over the values and reading one series costs one look a row. What is measured of one thing
comes as a block, and has its places side by side. Rows are numbered by seconds of a monotonic clock.
News come by timers of their own, a little early or late: a row that is less than 0.9 s off its second
still counts for it, so that jitter makes no holes, and what is late by more leaves one. When rows of a
second would take more memory than they may, the oldest go and coarser ones remain.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from math import nan

from aether.core.metrics.rings import SPAN_S, Ring, Row, since, values_at
from aether.core.metrics.work import Work, at_once, pieces

Series = tuple[str, str]
"""Metric and subject."""
Block = tuple[tuple[str, ...], str, Sequence[float | None]]
"""Metrics, their subject, and their values; None is not known. A metric always comes in the same company."""

STEPS_S = (1, 10, 60)
MOST_BYTES = 64 * 1024 * 1024
"""Most memory of the rows of one step; 2 h of 1,100 series fit at a second each."""
MOST_SERIES = 20_000
_JITTER_S = 0.9
_BLOCKS = 64
"""Blocks between two pauses, some 0.05 ms of work."""
_SERIES = 512
"""Series between two pauses, some 0.2 ms of work."""


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
        self._rings = tuple(Ring(step) for step in steps_s)
        self._most_bytes = most_bytes
        self._most_series = most_series
        self._places: dict[tuple[str, ...], dict[str, int]] = {}
        """Where in a row the values of a block begin: by metrics that come together, then by subject."""
        self._company: dict[str, tuple[str, ...]] = {}
        self._is_worst: list[bool] = []
        """One for every place of a row."""
        self._seen: list[int] = []
        """When a block had values last, where its values begin."""
        self._used = 0
        self._free: dict[int, list[int]] = {}
        """Places that were given up, by how many stand side by side."""
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
        blocks = (((metric,), subject, (value,)) for metric, subject, value in values)
        return at_once(self.adding(now, blocks))()

    def adding(self, now: float, blocks: Iterable[Block]) -> Work[Callable[[], int]]:
        """Make the row that ends now, piece by piece; return what keeps it, and returns its second.

        Nobody sees any of it before it is kept. Only one row may be under way at a time.
        """
        ahead, second = self._due(now, self._rings[0].step_s)
        row = yield from self._row(second, blocks)
        coarse = yield from self._coarse(second)

        def keep() -> int:
            for ring, begin, values in coarse:
                ring.add(begin, values, self._most_bytes)
            finest = self._rings[0]
            if second == self._second:
                finest.drop_newest()
            finest.add(second, row, self._most_bytes)
            self._ahead, self._second = ahead, second
            return second

        return keep

    def _due(self, now: float, step_s: int) -> tuple[float, int]:
        """Return the second of a row: the one that is due, a later one after a hole; and how late it is.

        Where rows came faster than the clock went, the newest is replaced.
        """
        if self._second is None:
            return now - int(now), int(now)
        expected = self._second + step_s
        off = now - self._ahead - expected
        if off <= -_JITTER_S * step_s:
            return self._ahead, self._second
        if off < _JITTER_S * step_s:
            return self._ahead, expected
        return now - int(now), max(int(now), expected)

    def _row(self, second: int, blocks: Iterable[Block]) -> Work[Row]:
        values: list[float | None] = [None] * len(self._is_worst)
        company: tuple[str, ...] = ()
        places: dict[str, int] = {}
        seen = self._seen
        for piece in pieces(blocks, _BLOCKS):
            for metrics, subject, figures in piece:
                if metrics is not company:
                    company, places = metrics, self._places.setdefault(metrics, {})
                begin = places.get(subject, -1)
                if begin < 0:
                    begin = self._new_place(metrics, subject, second)
                if begin < 0:
                    self.refused += sum(figure is not None for figure in figures)
                    continue
                values[begin : begin + len(figures)] = figures
                seen[begin] = second
            yield
        row = array("d")
        for known in pieces(values, _SERIES):
            row.extend([nan if value is None else value for value in known])
            yield
        return row

    def _new_place(self, metrics: tuple[str, ...], subject: str, second: int) -> int:
        """Return the place of a block not seen before; -1 when there is none left."""
        width = len(metrics)
        if self._used + width > self._most_series and not self._make_room(second, width):
            return -1
        self._used += width
        worst = [self._worst(metric) for metric in metrics]
        if self._free.get(width):
            begin = self._free[width].pop()
            self._is_worst[begin : begin + width] = worst
        else:
            begin = len(self._is_worst)
            self._is_worst += worst
            self._seen += [second] * width
        for metric in metrics:
            self._company[metric] = metrics
        self._places[metrics][subject] = begin
        return begin

    def _make_room(self, second: int, width: int) -> bool:
        """Give up the places of series no row has any more; look through them once a minute at most."""
        if second < self._full_until:
            return False
        oldest = second - SPAN_S - self._rings[-1].step_s
        for metrics, places in self._places.items():
            for subject in [one for one, begin in places.items() if self._seen[begin] <= oldest]:
                self._free.setdefault(len(metrics), []).append(places.pop(subject))
                self._used -= len(metrics)
        has_room = self._used + width <= self._most_series
        if not has_room:
            self._full_until = second + 60
        return has_room

    def _coarse(self, second: int) -> Work[list[tuple[Ring, int, Row]]]:
        """Return the coarser rows that end before the row of `second` comes."""
        made: list[tuple[Ring, int, Row]] = []
        new: tuple[int, Row] | None = None
        for fine, coarse in zip(self._rings, self._rings[1:], strict=False):
            newest = new or (fine.rows[-1] if fine.rows else None)
            if newest is None:
                break
            begin = newest[0] // coarse.step_s * coarse.step_s
            rows = [row for _, row in since(fine, begin)]
            if new is not None:
                rows.append(new[1])
            new = None
            if second < begin + coarse.step_s:
                continue
            if rows and (not coarse.rows or coarse.rows[-1][0] < begin):
                new = begin, (yield from self._together(rows))
                made.append((coarse, *new))
        return made

    def _together(self, rows: Sequence[Row]) -> Work[Row]:
        """Return the row that stands for these: the mean of every series, or its worst value."""
        found = array("d")
        for begin in range(0, max(map(len, rows)), _SERIES):
            end = begin + _SERIES
            columns = zip_longest(*(row[begin:end] for row in rows), fillvalue=nan)
            worst = self._is_worst[begin:end]
            found.extend([_stands_for(*one) for one in zip(columns, worst, strict=False)])
            yield
        return found

    def course(self, series: Series, range_s: float, step_s: int) -> list[tuple[int, float]]:
        """Return (second, value) of the last `range_s`, the oldest first; holes are left out.

        `step_s` is one of the steps. A coarser row stands at the second it begins with. What is
        in no coarse row yet is told up to now, made of the finer ones.
        """
        at = self._place_of(*series)
        if at is None or self._second is None:
            return []
        ring = next((ring for ring in self._rings if ring.step_s == step_s), None)
        if ring is None:
            raise ValueError(f"step {step_s} s is none of {[one.step_s for one in self._rings]}")
        oldest = self._second - range_s
        found = list(values_at(since(ring, oldest + 1e-9), at))
        if ring is not self._rings[0]:
            found += self._unfinished(ring, at, self._second)
        return found

    def _place_of(self, metric: str, subject: str) -> int | None:
        metrics = self._company.get(metric)
        begin = self._places[metrics].get(subject) if metrics is not None else None
        return None if metrics is None or begin is None else begin + metrics.index(metric)

    def _unfinished(self, ring: Ring, at: int, second: int) -> Iterator[tuple[int, float]]:
        """Yield the point of the coarse row that is still being made, if there is one."""
        begin = second // ring.step_s * ring.step_s
        values = [value for _, value in values_at(since(self._rings[0], begin), at)]
        if values:
            yield begin, _one_of(values, is_worst=self._is_worst[at])


def _stands_for(values: Sequence[float], is_worst: bool) -> float:  # noqa: FBT001 - called by the row
    """Return the mean of what is known of one series, or the worst of it."""
    total = sum(values)
    if total == total:  # noqa: PLR0124 - only what is no number differs from itself
        return max(values) if is_worst else total / len(values)
    known = [value for value in values if value == value]  # noqa: PLR0124 - as above
    return _one_of(known, is_worst=is_worst) if known else nan


def _one_of(values: Sequence[float], *, is_worst: bool) -> float:
    return max(values) if is_worst else sum(values) / len(values)
