"""Rows of one step, the oldest first, bounded in time and in memory."""

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Row: TypeAlias = "array[float]"

SPAN_S = 7200
_BYTES = 8


@dataclass(slots=True)
class Ring:
    """Rows of one step, the oldest first."""

    step_s: int
    rows: deque[tuple[int, Row]] = field(default_factory=deque)
    bytes: int = 0

    def add(self, second: int, row: Row, most_bytes: int) -> None:
        """Keep the row of a second; what is older than the span or beyond the memory goes."""
        self.rows.append((second, row))
        self.bytes += _BYTES * len(row)
        while self.rows[0][0] <= second - SPAN_S or self.bytes > most_bytes:
            _, old = self.rows.popleft()
            self.bytes -= _BYTES * len(old)
            if not self.rows:
                break

    def drop_newest(self) -> None:
        """Forget the newest row."""
        if self.rows:
            _, row = self.rows.pop()
            self.bytes -= _BYTES * len(row)


def since(ring: Ring, second: float) -> Iterator[tuple[int, Row]]:
    """Yield the rows from a second on, the oldest first."""
    found = []
    for row in reversed(ring.rows):
        if row[0] < second:
            break
        found.append(row)
    return reversed(found)


def values_at(rows: Iterable[tuple[int, Sequence[float]]], at: int) -> Iterator[tuple[int, float]]:
    """Yield what rows hold at a place, with their seconds; holes are left out."""
    for second, row in rows:
        if at < len(row):
            value = row[at]
            if value == value:  # noqa: PLR0124 - only what is no number differs from itself
                yield second, value
