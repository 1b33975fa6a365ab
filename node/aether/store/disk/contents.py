"""What the log holds, as told by its records in the order they were written.

A record that begins at or before the last entry replaces what follows: nothing on disk is
overwritten. Kept small: where a read may begin is known every some 32 KiB, not for every entry.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable

from aether.core.raft.entries import Members

_SPACING_BYTES = 32 * 1024


class Contents:
    """Indexes, terms, members and places of the live entries."""

    def __init__(self) -> None:
        self.first_index = 1
        self.last_index = 0
        self.begun = False
        """Whether it is known where the log begins."""
        self._terms: list[tuple[int, int]] = []
        self._members: list[tuple[int, Members]] = []
        self._firsts = array("Q")
        self._numbers = array("Q")
        self._offsets = array("Q")

    def begin_after(self, index: int) -> None:
        """Forget all: the next entry is `index` + 1."""
        self.begun = True
        self.first_index, self.last_index = index + 1, index
        self._terms.clear()
        self._members.clear()
        del self._firsts[:], self._numbers[:], self._offsets[:]

    def add(self, number: int, offset: int, first: int, count: int, term: int) -> None:
        """Take `count` entries of one term, at `offset` of segment `number`.

        Raises ValueError when they would leave a gap.
        """
        if (
            first == self.last_index + 1
            and self._terms
            and self._terms[-1][1] == term
            and self._numbers[-1] == number
            and offset - self._offsets[-1] < _SPACING_BYTES
        ):
            self.last_index += count  # most records; quickly
            return
        replaces = first <= self.last_index
        if replaces or first != self.last_index + 1:
            if not replaces or first < 1:
                raise ValueError(
                    f"entry {first} follows entry {self.last_index}: what is between is missing"
                )
            self.cut_from(first)
        self._firsts.append(first)
        self._numbers.append(number)
        self._offsets.append(offset)
        if not self._terms or self._terms[-1][1] != term:
            self._terms.append((first, term))
        self.last_index = first + count - 1

    def add_members(self, found: Iterable[tuple[int, Members]]) -> None:
        """Take note of MEMBERS entries just added."""
        self._members.extend(found)

    def cut_from(self, index: int) -> None:
        """Forget the entries from `index` on."""
        self.last_index = index - 1
        self.first_index = min(self.first_index, index)
        while self._terms and self._terms[-1][0] >= index:
            self._terms.pop()
        while self._members and self._members[-1][0] >= index:
            self._members.pop()
        while self._firsts and self._firsts[-1] >= index:
            self._firsts.pop()
            self._numbers.pop()
            self._offsets.pop()

    def drop_segments_before(self, number: int) -> None:
        """Forget the entries in segments before `number`; the last entry must not be in them."""
        count = 0
        while count < len(self._numbers) and self._numbers[count] < number:
            count += 1
        if not count:
            return
        del self._firsts[:count], self._numbers[:count], self._offsets[:count]
        self.first_index = self._firsts[0] if self._firsts else self.last_index + 1
        place = bisect_right(self._terms, self.first_index, key=lambda start: start[0]) - 1
        if place >= 0:
            self._terms[: place + 1] = [(self.first_index, self._terms[place][1])]
        self._members = [found for found in self._members if found[0] >= self.first_index]

    def place_of(self, index: int) -> tuple[int, int, int]:
        """Return (segment number, offset, stop) for reading `index`.

        Reading forward from there finds every entry from `index` up to, not including, `stop`.
        """
        place = bisect_right(self._firsts, index) - 1
        more = place + 1 < len(self._firsts)
        stop = self._firsts[place + 1] if more else self.last_index + 1
        return self._numbers[place], self._offsets[place], stop

    def first_from(self, index: int) -> int:
        """Return the first index that is found reading from where `index` is read from."""
        return max(self._firsts[bisect_right(self._firsts, index) - 1], self.first_index)

    def term_at(self, index: int) -> int | None:
        """Return the term of a live entry, None for any other index."""
        if not self.first_index <= index <= self.last_index:
            return None
        place = bisect_right(self._terms, index, key=lambda start: start[0]) - 1
        return self._terms[place][1]

    @property
    def term_starts(self) -> tuple[tuple[int, int], ...]:
        """(index, term) wherever a term begins, `first_index` included."""
        return tuple(self._terms)

    def members_after(self, index: int) -> tuple[tuple[int, Members], ...]:
        """Return (index, members) of each MEMBERS entry after `index`."""
        return tuple(found for found in self._members if found[0] > index)
