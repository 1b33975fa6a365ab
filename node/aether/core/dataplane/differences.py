"""How two tables of one node differ, row by row.

Tables mostly share their rows, as the very objects: comparing them costs little more than counting.
"""

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeVar


class Keyed(Protocol):
    """A row that something tells from the others of its table."""

    @property
    def key(self) -> Hashable:
        """What no other row of the table has."""
        ...


_Row = TypeVar("_Row", bound=Keyed)


def differing(
    before: Sequence[_Row], after: Sequence[_Row]
) -> tuple[tuple[_Row, ...], tuple[_Row, ...]]:
    """Return the rows that are in `before` only and those in `after` only; a changed one is in both."""
    if before is after:
        return (), ()
    if not before or not after:
        return tuple(before), tuple(after)
    head = _alike(before, after)
    gone, come = before[head:], after[head:]
    tail = _alike(gone[::-1], come[::-1])
    return _unlike(gone[: len(gone) - tail], come[: len(come) - tail])


def _alike(before: Sequence[_Row], after: Sequence[_Row]) -> int:
    """Return how many rows at the beginning are the same in both."""
    number = 0
    for one, other in zip(before, after, strict=False):
        if one is not other and one != other:
            break
        number += 1
    return number


def _unlike(
    before: Sequence[_Row], after: Sequence[_Row]
) -> tuple[tuple[_Row, ...], tuple[_Row, ...]]:
    old, new = {row.key: row for row in before}, {row.key: row for row in after}
    gone = tuple([row for key, row in old.items() if new.get(key) != row])
    come = tuple([row for key, row in new.items() if old.get(key) != row])
    return gone, come
