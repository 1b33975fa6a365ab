"""Work that may be done piece by piece: it says where it may pause, and whoever drives it decides.

Rules for such work. Between two pauses it does little, a fraction of a millisecond as a rule. What others
read it changes after the last pause only, all at once, so that they see what was before or what is after;
given up in the middle, it has changed nothing they see.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")

Work = Generator[None, None, _T]
"""Yields where it may pause; its result is what it returns."""


def at_once(work: Work[_T]) -> _T:
    """Do all of it now, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: _T = done.value
            return result


def pieces(items: Iterable[_T], size: int) -> Iterator[Sequence[_T]]:
    """Yield the items in order, so many at a time."""
    left = iter(items)
    while piece := list(islice(left, size)):
        yield piece
