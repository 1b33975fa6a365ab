"""In which term each entry of the log was written, kept as runs: terms change rarely."""

from bisect import bisect_right
from collections.abc import Iterable


class TermRuns:
    """Terms of all entries from `first` on, as the index at which each term begins."""

    __slots__ = ("_starts", "_terms")

    def __init__(self, runs: Iterable[tuple[int, int]]) -> None:
        """Take (index, term) wherever a term begins, ascending, at least one."""
        self._starts: list[int] = []
        self._terms: list[int] = []
        for index, term in runs:
            if not self._terms or self._terms[-1] != term:
                self._starts.append(index)
                self._terms.append(term)

    @property
    def first(self) -> int:
        """Lowest index whose term is known."""
        return self._starts[0]

    @property
    def last_term(self) -> int:
        """Term of the newest run."""
        return self._terms[-1]

    def term_at(self, index: int) -> int | None:
        """Return the term of `index`, which must not lie behind the log; None when it is forgotten."""
        if index >= self._starts[-1]:
            return self._terms[-1]
        if index < self._starts[0]:
            return None
        return self._terms[bisect_right(self._starts, index) - 1]

    def last_at_most(self, index: int, term: int) -> int:
        """Return the highest index up to `index` whose term is `term` or less.

        When there is none it is the one before the first known.
        """
        run = bisect_right(self._terms, term) - 1
        if run < 0 or index < self._starts[0]:
            return min(index, self._starts[0] - 1)
        if run + 1 < len(self._starts):
            return min(index, self._starts[run + 1] - 1)
        return index

    def extend(self, index: int, term: int) -> None:
        """Note that the entry at `index`, the next one, is of `term`."""
        if self._terms[-1] != term:
            self._starts.append(index)
            self._terms.append(term)

    def truncate(self, index: int) -> None:
        """Forget `index`, which is not the first known, and all behind it."""
        while len(self._starts) > 1 and self._starts[-1] >= index:
            self._starts.pop()
            self._terms.pop()

    def drop_before(self, index: int) -> None:
        """Forget all before `index`."""
        if index <= self._starts[0]:
            return
        run = bisect_right(self._starts, index) - 1
        del self._starts[:run]
        del self._terms[:run]
        self._starts[0] = index
