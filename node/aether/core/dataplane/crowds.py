"""How many connections each address holds at the other router processes of a node.

Of `W` processes that look at each other's lanes, `W - 1` may let a connection in at the very moment one does:
an address never holds more than its cap and `W - 1`. It is counted too high, and let in too late, only while
other addresses share both its cells: with a thousand addresses connected, one of 60,000.
"""

from aether.core.dataplane.lanes import Cells, Lane, cells_of

_KNOWN = 4096
"""Addresses whose cells are remembered."""


class Crowds:
    """One process's side: what it counts for the others, and what it learns of them."""

    def __init__(self, own: Lane, secret: bytes) -> None:
        self._own = own
        self._secret = secret
        self._others: list[Lane] = []
        self._cells: dict[str, Cells] = {}

    def meet(self, lane: Lane) -> None:
        """Mind another process from now on."""
        self._others.append(lane)

    def part(self, lane: Lane) -> None:
        """Forget a process that has ended, and its connections with it."""
        self._others = [each for each in self._others if each is not lane]

    def enter(self, address: str) -> None:
        """Count a connection in."""
        self._own.count(self._cells_of(address), 1)

    def leave(self, address: str) -> None:
        """Count out what was counted in, once."""
        self._own.count(self._cells_of(address), -1)

    def elsewhere(self, address: str) -> int:
        """Return how many connections an address holds at other processes, or more."""
        cells = self._cells_of(address)
        return sum([lane.held(cells) for lane in self._others])

    def _cells_of(self, address: str) -> Cells:
        cells = self._cells.get(address)
        if cells is None:
            if len(self._cells) >= _KNOWN:
                self._cells.clear()
            cells = self._cells[address] = cells_of(address, self._secret)
        return cells
