"""What one router process lets the others of its node read: its counts, in a piece of memory.

A lane has one writer, its process, and any number of readers; each number is written whole and by nobody
else, so no lock is needed and none can be left behind. Routes stand in a table found by a number made of
their name, each with how many requests it let through and with the state of its bucket. Addresses are
counted in two rows of cells: a count is the smaller of the two, so it is never too low, and too high
only when other addresses share both cells.
"""

from hashlib import blake2b
from typing import NamedTuple

ROUTES = 2048
"""Places for routes; three quarters of them are given out."""
CELLS = 8192
"""Cells in each of the two rows of addresses."""
MAGIC = int.from_bytes(b"AElane01")
_MOST_ROUTES = ROUTES * 3 // 4
_HEAD_BYTES = 64
_WORD = 8
_CELL = 4
_ROUTES_BYTES = ROUTES * _WORD
_ROW_BYTES = CELLS * _CELL
SIZE = _HEAD_BYTES + 3 * _ROUTES_BYTES + 2 * _ROW_BYTES
"""Bytes of a lane, 117 KiB."""


class Cells(NamedTuple):
    """Where an address is counted in each row."""

    first: int
    second: int


def route_number(name: str) -> int:
    """Return the number a route is found by; never 0."""
    return int.from_bytes(blake2b(name.encode(), digest_size=_WORD).digest()) or 1


def cells_of(address: str, secret: bytes) -> Cells:
    """Return the cells of an address: nobody who does not know the secret can aim at those of another."""
    drawn = int.from_bytes(blake2b(address.encode(), key=secret, digest_size=_WORD).digest())
    return Cells(drawn % CELLS, drawn // CELLS % CELLS)


class Lane:
    """One process's counts in `memory`, which is `SIZE` bytes, all zero at first."""

    __slots__ = ("_head", "_numbers", "_rows", "empty_at", "let_through")

    def __init__(self, memory: memoryview) -> None:
        if len(memory) != SIZE:
            raise ValueError(f"a lane has {SIZE} bytes, not {len(memory)}")
        self._head = memory[:_HEAD_BYTES].cast("Q")
        routes = _HEAD_BYTES
        self._numbers = memory[routes : routes + _ROUTES_BYTES].cast("Q")
        routes += _ROUTES_BYTES
        self.let_through = memory[routes : routes + _ROUTES_BYTES].cast("Q")
        """By place: requests let through since the process began."""
        routes += _ROUTES_BYTES
        self.empty_at = memory[routes : routes + _ROUTES_BYTES].cast("d")
        """By place: since when the bucket would have filled if it had been empty then; monotonic seconds."""
        rows = routes + _ROUTES_BYTES
        self._rows = (
            memory[rows : rows + _ROW_BYTES].cast("I"),
            memory[rows + _ROW_BYTES :].cast("I"),
        )

    def begin(self) -> None:
        """Say that this is a lane of this form."""
        self._head[0] = MAGIC

    @property
    def is_sound(self) -> bool:
        """Whether it is of the form this code reads."""
        return self._head[0] == MAGIC

    @property
    def routes(self) -> int:
        """How many routes have a place; grows only."""
        return self._head[1]

    def release(self) -> None:
        """Let go of the memory; the lane is of no use afterwards."""
        for view in (self._head, self._numbers, self.let_through, self.empty_at, *self._rows):
            view.release()

    def find(self, number: int) -> int:
        """Return the place of a route, -1 when it has none."""
        place = self._probe(number)
        return place if self._numbers[place] == number else -1

    def give(self, number: int) -> int:
        """Return the place of a route, a new one when it has none; -1 when all are given out."""
        place = self._probe(number)
        if self._numbers[place] != number:
            if self.routes >= _MOST_ROUTES:
                return -1
            self._numbers[place] = number
            self._head[1] += 1
        return place

    def _probe(self, number: int) -> int:
        """Return where the route is, or the free place where it would be."""
        numbers, place = self._numbers, number % ROUTES
        while numbers[place] not in (0, number):
            place = (place + 1) % ROUTES
        return place

    def count(self, cells: Cells, more: int) -> None:
        """Count connections of an address in, or out with a negative number."""
        self._rows[0][cells.first] += more
        self._rows[1][cells.second] += more

    def held(self, cells: Cells) -> int:
        """Return how many connections an address holds here, or more."""
        return min(self._rows[0][cells.first], self._rows[1][cells.second])
